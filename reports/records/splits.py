"""Results on a data set with several divisions (ten of iLIDS-VID and PRID-2011) brought together, as plain data.

Every division has networks of its own and tests people of its own; a person may be tested in several. What is shown is
the mean over divisions, in which each weighs the same: they hold equally many queries, so the mean over all queries of
all divisions is that mean, and everything that is computed from per-query results is right on their concatenation.
Intervals resample a person with the queries that it has in all divisions.
"""

import hashlib
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from protocols.vocabulary import WITH_INTERVALS
from reports.errors import ReportError

Arrays = Mapping[str, NDArray[Any]]

_CONVENTION = ("gallery", "ap", "empty", "metric", "normalise")
_CURVES = ("cmc",)  # arrays with one value a rank, not one a query


class SplitRecord(TypedDict):
    """``split`` of a result: which division of its data set, from 0, and of how many; absent where there is one."""

    number: int
    of: int


def check_split(result: Mapping[str, Any], name: str) -> None:
    """Refuse a division that cannot be.

    Raises:
        ReportError: naming what was expected.
    """
    split = result.get("split")
    if split is not None and not 0 <= split["number"] < split["of"] > 1:
        raise ReportError(
            f"{name} has split = {split}; expected a number from 0 and of how many (two or more), or no such key."
        )


def dataset_of_all(records: Sequence[Mapping[str, Any]], numbers: Sequence[int], of: int) -> dict[str, Any]:
    """The record of several divisions together.

    Args:
        records: ``dataset`` of the result records, one for each division, by rising number.
        numbers: of the divisions, from 0.
        of: how many there are in all.

    Returns:
        ``name``, ``version`` and ``synthetic`` as they have it; ``fingerprint`` (32 hex digits) over all of theirs;
        ``counts`` that are the same in all, and the lowest and highest of the others; ``splits``: which of how many.
    """
    listed = "\n".join(f"{number} {one['fingerprint']}" for number, one in zip(numbers, records, strict=True))
    counts: dict[str, int] = {}
    for key, value in records[0]["counts"].items():
        values = [int(one["counts"][key]) for one in records if key in one["counts"]]
        ends = {key: value} if len(set(values)) == 1 else {f"{key}_min": min(values), f"{key}_max": max(values)}
        counts |= ends if len(values) == len(records) else {}
    return {
        **{key: value for key, value in records[0].items() if key not in ("fingerprint", "counts")},
        "fingerprint": hashlib.sha256(f"{of}\n{listed}".encode()).hexdigest()[:32],
        "counts": counts,
        "splits": {"numbers": list(numbers), "of": of},
    }


def wanted(tags: Mapping[str, str]) -> tuple[int, ...]:
    """The divisions that a job was asked for, by the tags of its parent run; none where its data have one."""
    numbers, _, _ = tags.get("splits", "").partition(" of ")
    return tuple(int(number) for number in numbers.split())


def pooled_result(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One record for an arm with one seed: the means over its divisions.

    Args:
        results: ``result.json`` of each division, by rising number.
    """
    first = results[0]
    numbers = [int(one["split"]["number"]) for one in results]
    pooled: dict[str, Any] = {key: value for key, value in first.items() if key not in ("split", "stages")}
    pooled |= {
        "dataset": dataset_of_all([one["dataset"] for one in results], numbers, int(first["split"]["of"])),
        "metrics": mean_of_each([one["metrics"] for one in results]),
        "intervals": {},  # of one division each; those of all are computed from the queries of all
        "slices": mean_of_each([one["slices"] for one in results]),
        "conventions": _rows([one["conventions"] for one in results], _CONVENTION),
        "stages": [stage for one in results for stage in one["stages"]],
        "fingerprint": _digest(one["fingerprint"] for one in results),
    }
    if all("ledger" in one for one in results):
        pooled["ledger"] = _rows([one["ledger"] for one in results], _CONVENTION)
    if all("annotation" in one for one in results):
        counts = {key: sum(one["annotation"][key] for one in results) for key in ("queries", "joined")}
        pooled["annotation"] = {**first["annotation"], **counts}
    if all("variants" in one for one in results):
        pooled["variants"] = _rows([one["variants"] for one in results], ("side", "metric", "mean"))
    if all("sides" in one for one in results):
        sides = [side for side in first["sides"] if all(side in one["sides"] for one in results)]
        pooled["sides"] = {side: _side([one["sides"][side] for one in results]) for side in sides}
    return pooled


def pooled_queries(parts: Sequence[Arrays], numbers: Sequence[int], name: str) -> dict[str, NDArray[Any]]:
    """Per-query results of all divisions, one after the other.

    A key gets its division in front, for a tracklet may be asked with in several; curves over ranks are averaged.

    Args:
        parts: arrays by name, one mapping for each division.
        numbers: of the divisions.
        name: whose they are, for the message.

    Raises:
        ReportError: divisions with different numbers of queries, or of those that count: their mean would not give
            each the same weight.
    """
    pooled: dict[str, NDArray[Any]] = {}
    for key in parts[0]:
        found = [np.asarray(part[key]) for part in parts if key in part]
        if len(found) < len(parts):
            continue
        if key.rpartition("/")[2] in _CURVES:
            shortest = min(len(one) for one in found)
            pooled[key] = np.mean([one[:shortest] for one in found], axis=0)
            continue
        if key == "key":
            found = [np.char.add(f"{number}/", one.astype(str)) for number, one in zip(numbers, found, strict=True)]
        counts = [int(one.sum()) if key.rpartition("/")[2] == "valid" else len(one) for one in found]
        if len(set(counts)) > 1:
            raise ReportError(
                f"{name} has {key} of {', '.join(map(str, counts))} queries in its splits {listed(numbers)}; a mean "
                "over splits needs equal numbers, so report them one by one (run with --splits)."
            )
        pooled[key] = np.concatenate(found)
    return pooled


def one_match(result: Mapping[str, Any]) -> bool:
    """Whether every query has exactly one right answer, told by the counts of the data set.

    So it is on iLIDS-VID and PRID-2011: as many gallery tracklets as queries, each query of another person, none
    without a match. AP is then a function of the rank of that match and tells nothing beside the CMC.
    """
    counts = result["dataset"]["counts"]
    numbers = {counts.get(key) for key in ("query_ids", "query_tracklets", "gallery_tracklets")}
    return len(numbers) == 1 and None not in numbers and counts.get("unmatched_queries") == 0


def _side(same: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    counted = ("valid_queries", "queries")
    return {
        **same[0],
        **mean_of_each([{key: one[key] for key in one if isinstance(one[key], float)} for one in same]),
        **{key: sum(int(one[key]) for one in same) for key in counted},
        "intervals": {},
    }


def _rows(tables: Sequence[Sequence[Mapping[str, Any]]], identity: Sequence[str]) -> list[dict[str, Any]]:
    """Rows that all tables have, found again by some keys: numbers as means, counts of queries as sums."""
    others = [{_named(row, identity): row for row in table} for table in tables[1:]]
    rows = []
    for row in tables[0]:
        name = _named(row, identity)
        if not all(name in other for other in others):
            continue
        same = [row, *(other[name] for other in others)]
        numbers: dict[str, Any] = {key: mean_if_all_known([one[key] for one in same]) for key in WITH_INTERVALS}
        counts = {key: sum(int(one[key]) for one in same) for key in ("valid_queries", "queries") if key in row}
        rows.append({**row, **numbers, **counts})
    return rows


def _named(row: Mapping[str, Any], identity: Sequence[str]) -> tuple[Any, ...]:
    return tuple(row.get(key) for key in identity)


def mean_of_each(parts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean of every number that all have."""
    return {key: statistics.fmean(one[key] for one in parts) for key in parts[0] if all(key in one for one in parts)}


def mean_if_all_known(values: Sequence[float | None]) -> float | None:
    """The mean; None where one is unknown."""
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if len(known) == len(values) else None


def _digest(fingerprints: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(fingerprints).encode()).hexdigest()[:32]


def listed(numbers: Sequence[int]) -> str:
    """Numbers of divisions, for a sentence."""
    return ", ".join(map(str, numbers))
