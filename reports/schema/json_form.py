"""Whether JSON has the form that a `TypedDict` states, all the way down, and that form as a JSON Schema (pydantic)."""

import math
import operator
import types
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, reduce
from typing import (
    Annotated,
    Any,
    Literal,
    NewType,
    NotRequired,
    Required,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

import numpy as np
from pydantic import BeforeValidator, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails
from typing_extensions import TypedDict

from files.formats.json import kind
from reports.errors import ReportError

Known = NewType("Known", float)
"""A number that has to be there; a plain ``float`` may be null."""
_EXPECTED = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "is_instance_of": "a list",
    "sequence_str": "a list",
    "mapping_type": "an object",
    "dict_type": "an object",
    "none_required": "null",
}


def check_form(value: object, form: Any, name: str, remedy: str = "") -> None:
    """Refuse a record that is of another form.

    Keys that the form does not name are let through: a later version may have added them.  A number may be null
    wherever it was not known; whether it may be absent there is for the checks of what it says.

    Args:
        value: as read from JSON, or as it is to be written: numpy's numbers and arrays count as what they become.
        form: a `TypedDict`, or any type made of them, lists, dicts, unions and plain types.
        name: of the record, for the sentence.
        remedy: what to do, as the end of the sentence, where that is known here.

    Raises:
        ReportError: naming the first place that differs and what was expected there.
    """
    try:
        _adapter(form).validate_python(value, strict=True)
    except ValidationError as error:
        wrong = _first(error.errors(include_url=False), value)
        end = f"; {remedy}" if remedy else ""
        raise ReportError(f"{name} is not of the form that this version reads: {wrong}{end}") from None


def check_finite(value: object, name: str) -> None:
    """Refuse nested JSON with a number that is NaN or infinite.

    Raises:
        ReportError: naming the first such number.
    """
    for path, number in non_finite(value):
        raise ReportError(f"{name} has {path} = {number}; numbers are finite, or null where unknown.")


def json_schema(form: Any) -> dict[str, Any]:
    """The form as a JSON Schema (draft 2020-12); what a record may say beyond it is in the checks of its module."""
    return _adapter(form).json_schema()


@contextmanager
def readable(name: str, remedy: str) -> Iterator[None]:
    """Whatever the checks inside trip over is told as a fault of what was read.

    Args:
        name: of what is read.
        remedy: what to do, as the end of a sentence.

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
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise ReportError(f"{name} is not of the form that this version reads ({what}); {remedy}") from error


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


@cache
def _adapter(form: Any) -> TypeAdapter[Any]:
    return TypeAdapter(_recorded(form))


@cache
def _recorded(form: Any) -> Any:
    """The type as it is recorded: plain floats may be null, tuples are lists, mappings are objects."""
    origin, inner = get_origin(form), get_args(form)
    if is_typeddict(form):
        fields = {
            key: (Required if key in form.__required_keys__ else NotRequired)[_recorded(_bare(hint))]
            for key, hint in get_type_hints(form, include_extras=True).items()
        }
        said = {"__annotations__": fields, "__doc__": form.__doc__, "__module__": form.__module__}
        return types.new_class(form.__name__, (TypedDict,), exec_body=lambda body: body.update(said))
    if form in (Known, float, int, bool):
        return _plain({Known: float, float: float | None}.get(form, form))
    if origin in (Union, types.UnionType):
        words = [word for one in inner if get_origin(one) is Literal for word in get_args(one)]
        others = [_recorded(one) for one in inner if get_origin(one) is not Literal]
        together = [Literal[tuple(words)]] if words else []  # so that a fault names all of them
        return reduce(operator.or_, together + others)
    if origin in (list, tuple, Sequence):
        return _plain(types.GenericAlias(Sequence, (_recorded(inner[0]),)))
    if origin in (dict, Mapping):
        return types.GenericAlias(Mapping, (inner[0], _recorded(inner[1])))
    return form if origin in (None, Literal) and form is not object else Any


def _plain(form: Any) -> Any:
    """The type, of which the writer may hold numpy's kind (`runners.tracking.artifacts` writes it as plain JSON)."""
    return Annotated[form, BeforeValidator(_as_written)]


def _as_written(value: object) -> object:
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else value


def _bare(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) in (Required, NotRequired) else hint


def _first(errors: Sequence[ErrorDetails], value: object) -> str:
    """The place of the first fault and what is wrong there; of a union's forms that which comes nearest is told."""
    places = [_place(one["loc"], value) for one in errors]
    top = errors[0]["loc"][0] if errors[0]["loc"] else None
    same = [i for i, one in enumerate(errors) if not one["loc"] or one["loc"][0] == top]
    chosen = max(same, key=lambda i: len(places[i])) if len(errors[0]["loc"]) > len(places[0]) else 0
    error, place = errors[chosen], places[chosen]
    if error["type"] == "missing":
        absent = [
            one["loc"][-1] for one, at in zip(errors, places, strict=True) if one["type"] == "missing" and at == place
        ]
        return f"{_written(place) or 'it'} lacks {', '.join(sorted(map(str, absent)))}"
    expected = _EXPECTED.get(error["type"]) or error.get("ctx", {}).get("expected") or error["msg"]
    found = error["input"]
    said = (
        f"{found!r:.60}" if isinstance(found, str | int | float) and expected not in ("a list", "an object") else None
    )
    return f"{_written(place) or 'it'} is {said or kind(found)}, expected {expected}"


def _place(loc: Sequence[str | int], value: Any) -> tuple[str | int, ...]:
    """Where in the value an error is: without the names that pydantic gives to the forms of a union."""
    place: list[str | int] = []
    for step in loc:
        held = isinstance(value, Mapping) and step in value
        held |= isinstance(value, list | tuple) and isinstance(step, int) and step < len(value)
        if held:
            value = value[step]
            place.append(step)
    return tuple(place)


def _written(place: Sequence[str | int]) -> str:
    text = ""
    for step in place:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
