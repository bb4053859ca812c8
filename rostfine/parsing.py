"""Plain YAML or JSON into frozen dataclasses and back, by their type annotations."""

import dataclasses
import json
import math
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar

from rostfine.errors import ParamsError

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Between:
    """What a number has to be, both ends included: put into Annotated beside its type."""

    least: float
    most: float = math.inf

    def __str__(self) -> str:
        return f"from {self.least:g} " + ("on" if self.most == math.inf else f"to {self.most:g}")


Count = Annotated[int, Between(1.0)]
Share = Annotated[float, Between(0.0, 1.0)]


def parse(kind: type[T], content: Any, where: str = "") -> T:
    """Make a `kind` of plain YAML or JSON; `where` is the dotted key that messages begin with."""
    return typing.cast(T, _parse(kind, content, where))


def plain(params: Any) -> Any:
    """Turn parsed params back into plain dicts and lists, as JSON and YAML write them."""
    if dataclasses.is_dataclass(params) and not isinstance(params, type):
        return {f.name: plain(getattr(params, f.name)) for f in dataclasses.fields(params)}
    if isinstance(params, Mapping):
        return {key: plain(value) for key, value in params.items()}
    return [plain(item) for item in params] if isinstance(params, tuple) else params


def flatten(content: Any, where: str = "") -> dict[str, str]:
    """Return nested plain params as dotted keys to text: `fit.lr` to `0.001`."""
    if not isinstance(content, Mapping):
        return {where: content if isinstance(content, str) else json.dumps(content)}
    return {
        key: text
        for name, inner in content.items()
        for key, text in flatten(inner, _join(where, name)).items()
    }


def _parse(kind: Any, content: Any, where: str) -> Any:
    origin = typing.get_origin(kind)
    if kind is Any:
        return content
    if dataclasses.is_dataclass(kind):
        return _parse_dataclass(kind, content, where)
    if origin is Annotated:
        return _parse_number(kind, content, where)
    if origin in _PARSE_GENERIC:
        return _PARSE_GENERIC[origin](kind, content, where)
    # A whole number may stand where a float is wanted; True is an int to Python but not to us.
    if kind is float and isinstance(content, int) and not isinstance(content, bool):
        return float(content)
    if isinstance(content, kind) and (kind is bool or not isinstance(content, bool)):
        return content
    raise ParamsError(f"{where}: wanted {_NOUNS[kind]}, got {content!r}")


def _parse_number(kind: Any, content: Any, where: str) -> int | float:
    number_kind, between = typing.get_args(kind)
    number: int | float = _parse(number_kind, content, where)
    if not between.least <= number <= between.most:
        raise ParamsError(f"{where}: wanted {_NOUNS[number_kind]} {between}, got {number:g}")
    return number


_NOUNS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}


def _parse_dataclass(kind: Any, content: Any, where: str) -> Any:
    hints = typing.get_type_hints(kind, include_extras=True)
    if not isinstance(content, Mapping):
        raise ParamsError(
            f"{where or 'the file'}: wanted the keys {', '.join(hints)}, got {content!r}"
        )
    for key in content:
        if key not in hints:
            raise ParamsError(f"unknown key {_join(where, key)}; known here: {', '.join(hints)}")
    for key in hints:
        if key not in content:
            raise ParamsError(f"missing key {_join(where, key)}")
    return kind(
        **{key: _parse(hint, content[key], _join(where, key)) for key, hint in hints.items()}
    )


def _parse_union(kind: Any, content: Any, where: str) -> Any:
    arms = typing.get_args(kind)
    if type(None) in arms:
        if content is None:
            return None
        return _parse(next(arm for arm in arms if arm is not type(None)), content, where)
    lists = [arm for arm in arms if typing.get_origin(arm) is tuple]
    if lists:
        (single,) = (arm for arm in arms if arm not in lists)
        return _parse(lists[0] if isinstance(content, list) else single, content, where)
    # A union of dataclasses is told apart by the one value that `name` may have in each.
    by_name = {typing.get_args(typing.get_type_hints(arm)["name"])[0]: arm for arm in arms}
    name = content.get("name") if isinstance(content, Mapping) else None
    if not isinstance(name, str) or name not in by_name:
        raise ParamsError(f"{_join(where, 'name')}: wanted {_one_of(by_name)}, got {name!r}")
    return _parse(by_name[name], content, where)


def _parse_literal(kind: Any, content: Any, where: str) -> Any:
    if content not in typing.get_args(kind):
        raise ParamsError(f"{where}: wanted {_one_of(typing.get_args(kind))}, got {content!r}")
    return content


def _parse_mapping(kind: Any, content: Any, where: str) -> Any:
    if not isinstance(content, Mapping):
        raise ParamsError(f"{where}: wanted named entries, got {content!r}")
    return {
        str(key): _parse(typing.get_args(kind)[1], value, _join(where, key))
        for key, value in content.items()
    }


def _parse_tuple(kind: Any, content: Any, where: str) -> Any:
    if not isinstance(content, list):
        raise ParamsError(f"{where}: wanted a list, got {content!r}")
    item = typing.get_args(kind)[0]
    return tuple(_parse(item, value, f"{where}[{i}]") for i, value in enumerate(content))


_PARSE_GENERIC: Mapping[Any, Callable[[Any, Any, str], Any]] = {
    typing.get_origin(Mapping[str, int]): _parse_mapping,
    tuple: _parse_tuple,
    Literal: _parse_literal,
    types.UnionType: _parse_union,
    typing.Union: _parse_union,
}


def _one_of(names: Any) -> str:
    return " or ".join(map(str, names))


def _join(where: str, key: Any) -> str:
    return f"{where}.{key}" if where else str(key)
