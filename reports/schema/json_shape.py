"""Whether JSON has the form that a `TypedDict` states, all the way down: one sentence in place of a KeyError later."""

import math
import types
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import (
    Any,
    Literal,
    NewType,
    NotRequired,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

import numpy as np

from files.formats.json import kind
from reports.errors import ReportError

Known = NewType("Known", float)
"""A number that has to be there; a plain ``float`` may be null."""
_PLAIN = {
    Known: "a number",
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}


def check_form(value: object, form: Any, name: str, remedy: str) -> None:
    """Refuse a record that is of another form.

    Keys that the form does not name are let through: a later version may have added them.  A number may be null
    wherever it was not known; whether it may be absent there is for the checks of what it says.

    Args:
        value: as read from JSON.
        form: a `TypedDict`, or any type made of them, lists, dicts, unions and plain types.
        name: of the record, for the sentence.
        remedy: what to do, as the end of the sentence.

    Raises:
        ReportError: naming the first place that differs and what was expected there.
    """
    for place, wrong in _differences(value, form, ""):
        raise ReportError(f"{name} is not of the form that this version reads: {place or 'it'} {wrong}; {remedy}")


@contextmanager
def readable(name: str, remedy: str, value: object = None, form: Any = Any) -> Iterator[None]:
    """Whatever the checks inside trip over is told as a fault of what was read; what they pass has the form.

    Args:
        name: of what is read.
        remedy: what to do, as the end of a sentence.
        value, form: as for :func:`check_form`.

    Raises:
        ReportError: in place of a KeyError and the like.
    """
    try:
        yield
    except ReportError as error:
        if name in str(error):
            raise
        raise ReportError(f"{str(error).rstrip('.')} (in {name}); {remedy}") from None
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        check_form(value, form, name, remedy)
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise ReportError(f"{name} is not of the form that this version reads ({what}); {remedy}") from error
    check_form(value, form, name, remedy)


def non_finite(value: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """Yield ``(dotted path, value)`` of every number in nested JSON that is NaN or infinite."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from non_finite(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from non_finite(inner, f"{path}[{index}]")
    elif isinstance(value, float | np.floating) and not math.isfinite(value):
        yield path, float(value)


def _differences(value: object, form: Any, place: str) -> Iterator[tuple[str, str]]:
    origin = get_origin(form) or form
    if origin is NotRequired:
        yield from _differences(value, get_args(form)[0], place)
    elif is_typeddict(form):
        yield from _of_record(value, form, place)
    elif origin in (Union, types.UnionType):
        yield from _of_union(value, get_args(form), place)
    elif origin in (list, tuple):
        yield from _of_list(value, next(iter(get_args(form)), Any), place)
    elif origin is dict or origin is Mapping:
        yield from _of_dict(value, (*get_args(form), Any, Any)[1], place)
    elif not _fits(value, form):
        known = " or ".join(map(repr, get_args(form))) if origin is Literal else _PLAIN.get(form, str(form))
        yield place, f"is {_said(value)}, expected {known}"


def _of_list(value: object, inner: Any, place: str) -> Iterator[tuple[str, str]]:
    if not isinstance(value, list | tuple):
        yield place, f"is {kind(value)}, expected a list"
        return
    for index, one in enumerate(value):
        yield from _differences(one, inner, f"{place}[{index}]")


def _of_dict(value: object, inner: Any, place: str) -> Iterator[tuple[str, str]]:
    if not isinstance(value, Mapping):
        yield place, f"is {kind(value)}, expected an object"
        return
    for key, one in value.items():
        yield from _differences(one, inner, _below(place, str(key)))


def _of_record(value: object, form: Any, place: str) -> Iterator[tuple[str, str]]:
    if not isinstance(value, Mapping):
        yield place, f"is {kind(value)}, expected an object"
        return
    lacking = sorted(key for key in form.__required_keys__ if key not in value)
    if lacking:
        yield place, f"lacks {', '.join(lacking)}"
    for key, inner in _hints(form).items():
        if key in value:
            yield from _differences(value[key], inner, _below(place, key))


def _of_union(value: object, forms: tuple[Any, ...], place: str) -> Iterator[tuple[str, str]]:
    """Of several forms that which comes nearest is told."""
    if value is None and type(None) in forms:
        return
    tried = [list(_differences(value, form, place)) for form in forms if form is not type(None)]
    if all(tried):
        yield from max(tried, key=lambda found: len(found[0][0]))[:1]


def _fits(value: object, form: Any) -> bool:
    if get_origin(form) is Literal:
        return value in get_args(form) and not isinstance(value, bool)
    if form is Known:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if form is float:
        return value is None or _fits(value, Known)
    if form is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return form is Any or not isinstance(form, type) or isinstance(value, form)


def _said(value: object) -> str:
    return f"{value!r:.60}" if isinstance(value, str | int | float) else kind(value)


def _below(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key


@cache
def _hints(form: Any) -> dict[str, Any]:
    return get_type_hints(form, include_extras=True)
