"""What the README shows is run as it stands there."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


PREDICTIONS = [
    line for block in blocks("sh") for line in block.splitlines() if "rostfine predict" in line
]


@pytest.mark.slow
@pytest.mark.parametrize("line", PREDICTIONS)
def test_each_lookup_of_the_readme_prints_five_grades(study, line):
    output = study.run(*shlex.split(line, comments=True))
    assert re.findall(r"^([A-E])  [01]\.\d{4}", output, flags=re.MULTILINE) == list("ABCDE")


@pytest.mark.slow
def test_the_python_of_the_readme_prints_probabilities_that_sum_to_1(study):
    (code,) = blocks("python")
    assert len([line for line in code.splitlines() if line]) == 3
    printed = study.run("python", "-c", code).splitlines()[-1]
    numbers = [float(number) for number in re.findall(r": ([\d.e-]+)", printed)]
    assert len(numbers) == 5
    assert sum(numbers) == pytest.approx(1, abs=1e-6)


def test_every_make_target_of_the_readme_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = set(re.findall(r"^make ([a-z-]+)", README, flags=re.MULTILINE))
    assert {"demo", "test"} <= named <= targets


def test_the_tree_of_the_readme_names_every_folder_of_the_project():
    (tree,) = blocks("text")
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    folders = {path.split("/")[0] for path in listed.stdout.splitlines() if "/" in path}
    rooms = {
        path.split("/")[1]
        for path in listed.stdout.splitlines()
        if path.startswith("rostfine/") and path.count("/") > 1
    }
    for folder in {f for f in folders if not f.startswith(".")} | rooms:
        assert f"{folder}/" in tree, folder
    for path in re.findall(r"[\w./]+\.(?:py|yaml|md)|\w+/", tree):
        assert any(
            listed_path.endswith(path) or path in listed_path
            for listed_path in listed.stdout.split()
        )
