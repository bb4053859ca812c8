"""Files of params: strict YAML, checked against the dataclass that has all of its keys."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import yaml

from rostfine.errors import ParamsError
from rostfine.parsing import parse

P = TypeVar("P")


def read_params(path: Path, kind: type[P], check: Callable[[P], None]) -> P:
    """Read a file of params as a `kind`, of which `check` tells whether its parts go together.

    Raises ParamsError naming the file, the key, what was wanted, what was found.
    """
    content = read_yaml(path)
    try:
        params = parse(kind, content)
        check(params)
    except ParamsError as error:
        raise ParamsError(f"{path}: {error}") from None
    return params


def read_yaml(path: Path) -> Any:
    """Read a file of params, in which no key may occur twice.

    Raises ParamsError if there is none, or it is not YAML.
    """
    if not path.exists():
        raise ParamsError(f"{path}: no such file; 'rostfine init' makes a workspace with one")
    try:
        return yaml.load(path.read_text(), _Loader)  # a safe loader
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path}: not YAML: {' '.join(str(error).split())}") from error


class _Loader(yaml.SafeLoader):
    """Safe, and strict: a key that occurs twice is an error, where YAML lets the last one win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        for key in keys:
            if keys.count(key) > 1:
                line = node.start_mark.line + 1
                raise yaml.YAMLError(f"key {key!r} occurs twice in what begins at line {line}")
        return super().construct_mapping(node, deep)
