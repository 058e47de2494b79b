"""Strict, typed filling of frozen dataclasses from TOML tables and from text on a command line.

The dataclass is the schema: its field types decide what is accepted, its field names which keys exist. An
unknown key or a value of another type is a `MethodError`, never ignored and never guessed.
"""

import dataclasses
import functools
import math
import types
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from methods.errors import MethodError, unknown

T = TypeVar("T")

_TRUE = ("on", "true", "yes")
_FALSE = ("off", "false", "no")


def fill(kind: type[T], values: Mapping[str, Any], where: str, noun: str = "key") -> T:
    """Make a dataclass out of a table.

    Args:
        kind: a dataclass; fields without a default must be in the table.
        values: the table, as TOML gives it, or texts as a user types them.
        where: named in errors, e.g. ``"gltr/paper.toml: arms.gltr"``.
        noun: what a field is called in errors, ``key`` or ``option``.

    Raises:
        MethodError: an unknown or a missing key, or a value that its field does not take.
    """
    types_of = field_types(kind)
    values = _table(values, where)
    for key in values:
        if key not in types_of:
            raise _at(where, unknown(noun, key, types_of))
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]  # callers pass dataclasses
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and field.name not in values:
            raise MethodError(f"{where}: the {noun} {field.name!r} is missing; write {field.name} = ...")
    filled = {key: convert(value, types_of[key], f"{where}: {key}") for key, value in values.items()}
    try:
        return kind(**filled)
    except MethodError as error:
        raise _at(where, error) from None


def field_types(kind: type) -> Mapping[str, Any]:
    """Name -> type of every field that a table may fill, in the order of the class."""
    return _field_types(kind)


@functools.cache  # a card fills thousands of tables of a few classes
def _field_types(kind: type) -> Mapping[str, Any]:
    hints = get_type_hints(kind)
    return types.MappingProxyType({field.name: hints[field.name] for field in dataclasses.fields(kind) if field.init})


def convert(value: Any, kind: Any, where: str) -> Any:
    """Check a value against a field type; text is read as that type (``"off"`` -> False, ``"1-2-4"`` -> (1,
    2, 4)).

    Raises:
        MethodError: the value is not of the type; the message lists what is accepted.
    """
    origin = get_origin(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return value if isinstance(value, kind) else fill(kind, _table(value, where), where)
    if origin in (Union, types.UnionType):
        return _first_fit(value, get_args(kind), where)
    if origin is Literal:
        return _choice(value, get_args(kind), where)
    if origin is tuple:
        item = get_args(kind)[0]
        return tuple(convert(part, item, f"{where}[{i}]") for i, part in enumerate(_items(value, item, where)))
    if origin is not None and issubclass(origin, Mapping):
        item = get_args(kind)[1]
        return {str(key): convert(v, item, f"{where}.{key}") for key, v in _table(value, where).items()}
    return _scalar(value, kind, where)


def describe(kind: Any) -> str:
    """What a field accepts, in a few words, for messages and for ``--help``.

    Example:
        >>> describe(int | Literal["soft"])
        'a whole number or soft'
    """
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return " or ".join(describe(part) for part in get_args(kind))
    if origin is Literal:
        return " or ".join(str(choice) for choice in get_args(kind))
    if origin is tuple:
        return f"a list, each {describe(get_args(kind)[0])} (as text 1-2-4)"
    names = {bool: "on or off", int: "a whole number", float: "a number", str: "text", type(None): "nothing"}
    return names.get(kind, getattr(kind, "__name__", str(kind)))


def _scalar(value: Any, kind: Any, where: str) -> Any:
    if kind is Any or kind is object:
        return value
    if kind is type(None) and value is None:
        return None
    if kind is bool:
        return _switch(value, where)
    if kind in (int, float):
        return _number(value, kind, where)
    if kind is str and isinstance(value, str):
        return value
    raise _wrong(value, kind, where)


def _switch(value: Any, where: str) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in _TRUE + _FALSE:
        return value.lower() in _TRUE
    raise _wrong(value, bool, where)


def _number(value: Any, kind: type, where: str) -> int | float:
    if isinstance(value, str):
        try:
            value = kind(value)
        except ValueError:
            raise _wrong(value, kind, where) from None
    accepted = isinstance(value, int) or (kind is float and isinstance(value, float))
    if isinstance(value, bool) or not accepted or not _finite(value):
        raise _wrong(value, kind, where)
    return float(value) if kind is float else int(value)


def _finite(value: float) -> bool:
    """Whether a number is one that a float can be; TOML knows whole numbers of any length."""
    return math.isfinite(value) if isinstance(value, float) else abs(value) < 2**63


def _shown(value: Any) -> str:
    """A value for a message: some are long, and a whole number may be too long to be written at all."""
    try:
        text = repr(value)
    except ValueError:
        return "a huge number"
    return text if len(text) <= 100 else f"{text[:100]} ..."


def _choice(value: Any, choices: tuple[Any, ...], where: str) -> Any:
    for choice in choices:
        same = value is choice if isinstance(value, bool) else value == choice
        if same or (isinstance(value, str) and value == str(choice)):
            return choice
    raise _at(where, unknown("value", value if isinstance(value, str) else _shown(value), map(str, choices)))


def _first_fit(value: Any, kinds: tuple[Any, ...], where: str) -> Any:
    tables = [kind for kind in kinds if dataclasses.is_dataclass(kind)]
    if len(tables) == 1 and isinstance(value, Mapping):
        return convert(value, tables[0], where)  # says what is wrong inside the table
    for kind in kinds:
        try:
            return convert(value, kind, where)
        except MethodError:
            continue
    raise MethodError(f"{where} = {_shown(value)} is not accepted: expected {' or '.join(map(describe, kinds))}")


def _items(value: Any, item: Any, where: str) -> list[Any]:
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, str) and item is int:  # arm texts use the comma between options
        return [part for part in value.strip("()").replace(",", "-").split("-") if part.strip()]
    if isinstance(value, str) and get_origin(item) is Literal:  # one word is a list of one
        return [value]
    raise MethodError(f"{where} = {_shown(value)} is not accepted: expected a list, each {describe(item)}")


def _table(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise MethodError(f"{where} = {_shown(value)} is not accepted: expected a table of keys and values")
    return value


def _wrong(value: Any, kind: Any, where: str) -> MethodError:
    return MethodError(f"{where} = {_shown(value)} is not accepted: expected {describe(kind)}")


def _at(where: str, error: MethodError) -> MethodError:
    return MethodError(f"{where}: {error}")
