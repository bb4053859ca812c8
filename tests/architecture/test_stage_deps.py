import sys
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent))
from stage_deps import ROOT, code_deps, declared, pipelines, script

STAGES = [
    pytest.param(name, stage, id=f"{path.parent.name}:{name}")
    for path in pipelines()
    for name, stage in yaml.safe_load(path.read_text())["stages"].items()
]


@pytest.mark.parametrize(("name", "stage"), STAGES)
def test_a_stage_depends_on_all_code_that_it_imports_and_on_no_other(name, stage):
    assert declared(stage) == code_deps(script(stage)), "run 'make deps'"


@pytest.mark.parametrize(("name", "stage"), STAGES)
def test_a_stage_is_the_script_of_its_name(name, stage):
    assert stage["cmd"].split()[:2] == ["python", "-m"]
    assert script(stage) in (name, f"{name}_study")
    assert (ROOT / "stages" / f"{script(stage)}.py").exists()


def test_imports_are_followed_through_modules_that_a_stage_does_not_name(tmp_path):
    for path, text in {
        "stages/s.py": "from rostfine.a import f",
        "rostfine/a.py": "def f():\n    import rostfine.b.c",
        "rostfine/b/__init__.py": "",
        "rostfine/b/c.py": "PAGE, NUMBERS = 'page.html.j2', 'printed.yaml'",
        "rostfine/b/another.html.j2": "",
        "rostfine/b/page.html.j2": "{% include 'style.css.j2' %}",
        "rostfine/b/printed.yaml": "",
        "rostfine/d.py": "",
        "rostfine/e/style.css.j2": "",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    assert code_deps("s", tmp_path) == [
        "rostfine/a.py",
        "rostfine/b/__init__.py",
        "rostfine/b/c.py",
        "rostfine/b/page.html.j2",
        "rostfine/b/printed.yaml",
        "rostfine/e/style.css.j2",
        "stages/s.py",
    ]
