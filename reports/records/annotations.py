"""What is known of the queries' people and tracklets: ``annotation`` of the result record, codes in ``per_query.npz``.

Both are optional. The array of an attribute is called ``attribute/<name>``, int16 ``[Q]``: the place of its value in
``values``, or -1 where nobody knows it.
"""

from collections.abc import Mapping
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from reports.errors import ReportError
from reports.schema.vocabulary import AttributeKind, AttributeLevel, Polarity

PREFIX = "attribute/"
UNKNOWN = -1


class AttributeRecord(TypedDict):
    """One attribute; ``polarity`` is ``undocumented`` where its source does not say which code means yes."""

    name: str
    kind: AttributeKind
    values: list[str]
    group: str
    level: AttributeLevel
    polarity: Polarity


class AnnotationRecord(TypedDict):
    """Where the codes are from, and how many of the queries it knows."""

    name: str
    queries: int
    joined: int
    attributes: list[AttributeRecord]
    notices: list[str]


def codes(per_query: Mapping[str, NDArray[Any]], name: str) -> NDArray[np.int64]:
    """``[Q]`` codes of an attribute that was recorded."""
    return np.asarray(per_query[f"{PREFIX}{name}"], dtype=np.int64)


def check_annotation(result: Mapping[str, Any], per_query: Mapping[str, NDArray[Any]], name: str) -> None:
    """Refuse an annotation whose attributes and codes do not belong together.

    Args:
        result: the result record.
        per_query: its arrays.
        name: whose they are, for the message.

    Raises:
        ReportError: naming the attribute and what was expected of it.
    """
    arrays = {key.removeprefix(PREFIX) for key in per_query if key.startswith(PREFIX)}
    found = result.get("annotation")
    if found is None:
        if arrays:
            raise ReportError(
                f"{name} holds codes of {', '.join(sorted(arrays))}, but the record has no annotation that says what "
                "they mean."
            )
        return
    queries = len(per_query["key"])
    if found["queries"] != queries or not 0 <= found["joined"] <= queries:
        raise ReportError(
            f"{name} has an annotation of {found['joined']} among {found['queries']} queries, but there are {queries}."
        )
    named = [one["name"] for one in found["attributes"]]
    if len(set(named)) != len(named) or set(named) != arrays:
        differing = sorted({*named} ^ arrays) or sorted(one for one in named if named.count(one) > 1)
        raise ReportError(
            f"{name} and its record speak of other attributes ({', '.join(differing)}); expected one array "
            f"{PREFIX}<name> for each attribute of the annotation."
        )
    for one in found["attributes"]:
        _check_attribute(one, np.asarray(per_query[f"{PREFIX}{one['name']}"]), queries, name)


def _check_attribute(one: Mapping[str, Any], array: NDArray[Any], queries: int, name: str) -> None:
    place = f"attribute {one['name']!r}"
    if not one["values"] or (one["kind"] == "binary" and len(one["values"]) != 2):
        raise ReportError(f"{name} has the values {one['values']} of the {place}, which is of kind {one['kind']}.")
    if array.shape != (queries,) or array.dtype.kind != "i":
        raise ReportError(
            f"{name} has codes of the {place} as {array.dtype} {array.shape}; expected one integer for each of "
            f"{queries} queries."
        )
    wrong = array[(array < UNKNOWN) | (array >= len(one["values"]))]
    if len(wrong):
        raise ReportError(
            f"{name} has the code {int(wrong[0])} of the {place}, whose values are {', '.join(one['values'])}; "
            f"expected 0 to {len(one['values']) - 1}, or {UNKNOWN} where it is unknown."
        )
