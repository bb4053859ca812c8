"""Which files of the checkout a stage runs; `make deps` writes them to dvc.yaml.

DVC does not follow Python imports, so each stage lists them as `${code}/...`.
"""

import ast
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
PREFIX = "${code}/"
# These carry values and never decide one: a new error or params key must not retrain every model.
# What a stage reads of params.yaml is among its `params`.
PLUMBING = {
    f"rostfine/{name}.py"
    for name in (
        "__init__",
        "errors",
        "files",
        "memory",
        "model_params",
        "params",
        "params_file",
        "parsing",
        "progress",
        "schemas",
        "morphology/tables",
        "visem/tables",
        "workspace",
    )
}
# What only looks on and tells: no reason to train again.
WATCHERS = (
    "rostfine/registry/",
    "rostfine/training/curves.py",
    "rostfine/training/drawing.py",
    "rostfine/training/live.py",
)
LOOK_ON = dict.fromkeys(
    (
        "cross_validate",
        "train_study",
        "visem_autoencoder",
        "visem_regress",
        "morphology_train",
    ),
    WATCHERS,
)


def code_deps(stage: str, root: Path = ROOT) -> list[str]:
    """List the files that `stages/<stage>.py` imports, directly or not, with what these read.

    That are templates, by whatever names them, and the numbers that papers print, by package.
    """
    seen: set[Path] = set()
    templates = sorted((root / "rostfine").rglob("*.j2"))
    todo = [root / "stages" / f"{stage}.py"]
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        seen.update(path.parent.glob("*.yaml"))
        # What carries values is no reason to run again, nor is what it imports.
        name = str(path.relative_to(root))
        if name not in PLUMBING and not name.startswith(LOOK_ON.get(stage, ())):
            todo += [p for name in _imports(path) for p in _files_of(name, root)]
            todo += [p for p in templates if p.name in path.read_text()]
    looks_on = LOOK_ON.get(stage, ())
    found = {str(path.relative_to(root)) for path in seen}
    found = {name for name in found if not name.startswith(looks_on)}
    return sorted(found - PLUMBING - {"stages/__init__.py"})


def _imports(path: Path) -> list[str]:
    if path.suffix != ".py":
        return []
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [name for name in names if name.split(".")[0] in {"rostfine", "stages"}]


def _files_of(module: str, root: Path) -> list[Path]:
    base = root.joinpath(*module.split("."))
    inits = [p / "__init__.py" for p in (base, *base.parents) if root in p.parents]
    return [p for p in (base.with_suffix(".py"), *inits) if p.exists()]


def declared(stage: dict) -> list[str]:
    """List the code deps that dvc.yaml has for a stage."""
    return [dep.removeprefix(PREFIX) for dep in stage["deps"] if dep.startswith(PREFIX)]


def script(stage: dict) -> str:
    """Name the module of `stages` that a stage runs."""
    return stage["cmd"].split()[2].removeprefix("stages.")


def pipelines(root: Path = ROOT) -> list[Path]:
    """List the pipeline of a workspace, those of its siblings, and those of the studies in it."""
    siblings = [root / name / "dvc.yaml" for name in ("visem", "morphology")]
    return [root / "dvc.yaml", *siblings, *sorted(root.glob("studies/*/dvc.yaml"))]


def main() -> None:
    """Write the code deps of every stage to each dvc.yaml, before those that are data."""
    yaml = YAML()
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    for path in pipelines():
        pipeline = yaml.load(path)
        for stage in pipeline["stages"].values():
            data = [dep for dep in stage["deps"] if not dep.startswith(PREFIX)]
            stage["deps"].clear()
            stage["deps"].extend([PREFIX + dep for dep in code_deps(script(stage))] + data)
        yaml.dump(pipeline, path)


if __name__ == "__main__":
    main()
