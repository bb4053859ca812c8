import sys
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent))
from stage_deps import ROOT, code_deps, declared

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_depends_on_all_code_that_it_imports_and_on_no_other(name):
    assert declared(STAGES[name]) == code_deps(name), "run 'make deps'"


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_is_the_script_of_its_name(name):
    assert STAGES[name]["cmd"].split()[:3] == ["python", "-m", f"stages.{name}"]
    assert (ROOT / "stages" / f"{name}.py").exists()


def test_imports_are_followed_through_modules_that_a_stage_does_not_name(tmp_path):
    for path, text in {
        "stages/s.py": "from rostfine.a import f",
        "rostfine/a.py": "def f():\n    import rostfine.b.c",
        "rostfine/b/__init__.py": "",
        "rostfine/b/c.py": "import numpy",
        "rostfine/b/page.html.j2": "",
        "rostfine/d.py": "",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    assert code_deps("s", tmp_path) == [
        "rostfine/a.py",
        "rostfine/b/__init__.py",
        "rostfine/b/c.py",
        "rostfine/b/page.html.j2",
        "stages/s.py",
    ]
