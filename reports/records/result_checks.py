"""What a recorded result must say before it is shown: all keys, known names, finite numbers that agree."""

from collections.abc import Mapping
from typing import Any

from protocols.vocabulary import SIDES, WITH_INTERVALS
from reports.errors import ReportError
from reports.records.conventions import check_ledger
from reports.records.result import (
    SCHEMA,
    DataRecord,
    DatasetRecord,
    ProtocolRecord,
    ResultRecord,
    SideRecord,
    VariantRecord,
)
from reports.records.splits import check_split
from reports.schema.controls import CONTROLS
from reports.schema.json_form import non_finite
from reports.schema.metrics import AGREEMENT, headline_side
from reports.schema.vocabulary import RAW


def check_result(result: Mapping[str, Any]) -> None:
    """Refuse a record that lacks a key, has another schema, or holds a number that is not finite.

    Raises:
        ReportError: naming the key and what was expected there.
    """
    name = f"the result of arm {result.get('arm', '?')!r} (seed {result.get('seed', '?')})"
    if result.get("schema") != SCHEMA:
        raise ReportError(
            f"{name} has schema {result.get('schema')!r}, but this version reads schema {SCHEMA}; "
            "record it again or use the version of Reproid that wrote it."
        )
    missing = [key for key in ResultRecord.__required_keys__ if key not in result]
    if missing:
        raise ReportError(f"{name} lacks {', '.join(sorted(missing))}; schema {SCHEMA} needs these keys.")
    for part, kind in (("protocol", ProtocolRecord), ("dataset", DatasetRecord)):
        lacking = [key for key in kind.__required_keys__ if key not in result[part]]
        if lacking:
            raise ReportError(f"{name} lacks {', '.join(f'{part}.{key}' for key in sorted(lacking))}.")
    if result["control"] is not None and result["control"] not in CONTROLS:
        raise ReportError(f"{name} has control {result['control']!r}; known are {', '.join(CONTROLS)}.")
    lacking = [metric for metric in WITH_INTERVALS if metric not in result["metrics"]]
    if lacking:
        raise ReportError(f"{name} lacks metrics.{', metrics.'.join(lacking)}.")
    for path, value in non_finite(result):
        raise ReportError(f"{name} has {path} = {value}; numbers are finite, or null where unknown.")
    check_split(result, name)
    _check_sides(result, name)
    check_ledger(result, name)
    if "data" in result:
        data = result["data"]
        lacking = [key for key in DataRecord.__required_keys__ if not isinstance(data, Mapping) or not data.get(key)]
        if lacking:
            raise ReportError(f"{name} lacks {', '.join(f'data.{key}' for key in sorted(lacking))}.")


def check_repaired(result: Mapping[str, Any]) -> None:
    """Refuse what a repairer did beside a result that was not judged on repaired data.

    Raises:
        ReportError: a control, or an arm that was judged on raw data.
    """
    name = f"the result of arm {result['arm']!r} (seed {result['seed']})"
    data = result.get("data") or {"test": RAW}
    if result["control"] is not None or data["test"] == RAW:
        what = f"control {result['control']}" if result["control"] else "data.test = 'raw'"
        raise ReportError(
            f"{name} has repair.json, but {what}; expected it beside an arm that is judged on repaired data only."
        )


def _check_sides(result: Mapping[str, Any], name: str) -> None:
    """Refuse sides that are unknown or incomplete, or that disagree with the other numbers of the record."""
    sides = result.get("sides") or {}
    headline = headline_side(result["protocol"])
    for side in {*sides, *(result["protocol"].get("sides") or ())}.difference(SIDES):
        raise ReportError(f"{name} has the side {side!r}; known are {', '.join(SIDES)}.")
    if sides and headline not in sides:
        raise ReportError(
            f"{name} has the sides {', '.join(sorted(sides))}; expected the one that its protocol puts first among "
            f"them, but protocol.sides is {result['protocol'].get('sides') or 'empty'}."
        )
    for side, found in sides.items():
        lacking = [key for key in SideRecord.__required_keys__ if key not in found]
        if lacking:
            raise ReportError(f"{name} lacks {', '.join(f'sides.{side}.{key}' for key in sorted(lacking))}.")
        for metric in WITH_INTERVALS:
            others = {f"metrics.{side}/{metric}": result["metrics"].get(f"{side}/{metric}")}
            if side == headline:
                others[f"metrics.{metric}"] = result["metrics"][metric]
            for place, other in others.items():
                if other is None or abs(other - found[metric]) > AGREEMENT:
                    raise ReportError(
                        f"{name} has sides.{side}.{metric} = {found[metric]:.3f}, but {place} is {other}; "
                        "both are in percent and must agree."
                    )
    for variant in result.get("variants") or ():
        lacking = [key for key in VariantRecord.__required_keys__ if key not in variant]
        if lacking or variant["side"] not in SIDES:
            raise ReportError(
                f"{name} has the variant {dict(variant)}; expected a side out of {', '.join(SIDES)}, and "
                f"{', '.join(sorted(VariantRecord.__required_keys__ - {'side'}))}."
            )
