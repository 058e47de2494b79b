"""What a recorded result must say before it is shown: all keys, known names, finite numbers that agree."""

from collections.abc import Mapping
from typing import Any

from protocols.vocabulary import WITH_INTERVALS
from reports.errors import ReportError
from reports.records.conventions import check_ledger
from reports.records.result import SCHEMA, DataRecord, ResultRecord
from reports.records.splits import check_split
from reports.schema.json_form import check_finite, check_form
from reports.schema.metrics import AGREEMENT, headline_side
from reports.schema.vocabulary import RAW


def check_result(result: Mapping[str, Any]) -> None:
    """Refuse a record of another schema or form, with a number that is not finite, or that disagrees with itself.

    Raises:
        ReportError: naming the key and what was expected there.
    """
    name = f"the result of arm {result.get('arm', '?')!r} (seed {result.get('seed', '?')})"
    if result.get("schema") != SCHEMA:
        raise ReportError(
            f"{name} has schema {result.get('schema')!r}, but this version reads schema {SCHEMA}; "
            "record it again or use the version of Reproid that wrote it."
        )
    check_form(result, ResultRecord, name)
    check_finite(result, name)
    lacking = [metric for metric in WITH_INTERVALS if metric not in result["metrics"]]
    if lacking:
        raise ReportError(f"{name} lacks metrics.{', metrics.'.join(lacking)}.")
    if result.get("head_seed", 0) < 0:
        raise ReportError(f"{name} has head_seed = {result['head_seed']}; expected 0 or more.")
    check_split(result, name)
    _check_sides(result, name)
    check_ledger(result, name)
    if "data" in result:
        data = result["data"]
        empty = [f"data.{key}" for key in sorted(DataRecord.__required_keys__) if not data[key]]
        if empty:
            raise ReportError(f"{name} says nothing in {', '.join(empty)}.")


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
    """Refuse sides that disagree with the other numbers of the record."""
    sides = result.get("sides") or {}
    headline = headline_side(result["protocol"])
    if sides and headline not in sides:
        raise ReportError(
            f"{name} has the sides {', '.join(sorted(sides))}; expected the one that its protocol puts first among "
            f"them, but protocol.sides is {result['protocol'].get('sides') or 'empty'}."
        )
    for side, found in sides.items():
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
