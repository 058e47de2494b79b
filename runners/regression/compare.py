"""A new run of the matrix against the stored one: one row for everything that was compared, each with a verdict."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from protocols.statistics.multiple_comparisons import holm
from runners.errors import RunError
from runners.regression.accuracy import AccuracyChange, Noise, noises, other_weights, same_weights
from runners.regression.baseline import REMEDY, ArmResult, Baseline, Measured, Probe, Ratio

Group = Literal["accuracy", "cost", "speed", "probe"]
Verdict = Literal["equal", "no worse", "better", "new", "worse", "changed", "vanished"]
FAILING: tuple[Verdict, ...] = ("worse", "changed", "vanished")
_BETTER = 0.05  # of an improvement, corrected alike; it is news, not a gate


@dataclass(frozen=True)
class CheckRow:
    """One comparison.

    Attributes:
        group: what kind.
        name: what was compared.
        verdict: ``worse``, ``changed`` and ``vanished`` fail the check.
        old, new: as text, in their unit.
        difference: new minus old, or the factor between them, with its interval, as text.
        p: one-sided, corrected for the number of accuracies (Holm); None where no chance is involved.
        against: what was compared with what.
    """

    group: Group
    name: str
    verdict: Verdict
    old: str
    new: str
    difference: str
    p: float | None
    against: str

    @property
    def failed(self) -> bool:
        """Whether it fails the check."""
        return self.verdict in FAILING


def require_comparable(baseline: Baseline, data: str, protocols: Mapping[str, Mapping[str, Any]]) -> Measured:
    """The stored results, if a run of today can be held against them at all.

    Args:
        baseline: the file.
        data: fingerprint of the data that would be rendered today.
        protocols: name -> record of each protocol of the matrix, as it is today.

    Raises:
        RunError: nothing was ever measured, or the matrix was edited since.
        Incomparable: the data or a protocol have changed; the message says how, and the remedy.
    """
    stored = baseline.measured
    if stored is None:
        raise RunError('the baseline holds no results yet; measure them: --update --reason "first baseline".')
    if json.dumps(baseline.of_matrix, sort_keys=True) != json.dumps(baseline.matrix.as_dict(), sort_keys=True):
        raise RunError("the matrix was edited after its results were measured; " + REMEDY + ".")
    if data != stored.data:
        raise Incomparable(
            f"the data are not those of the baseline: fingerprint {data[:12]}, expected {stored.data[:12]} (world, "
            f"renderer or JPEG encoder changed); {REMEDY}."
        )
    for arm in stored.arms.values():
        name = arm.protocol["name"]
        today = protocols.get(name)
        if today is not None and today != dict(arm.protocol):
            if today["version"] != arm.protocol["version"]:
                what = f"version {today['version']}, expected {arm.protocol['version']}"
            else:
                keys = sorted(k for k in {*today, *arm.protocol} if today.get(k) != arm.protocol.get(k))
                what = f"other {', '.join(keys)} under the same version"
            raise Incomparable(f"the protocol {name} is not that of the baseline: {what}; {REMEDY}.")
    return stored


class Incomparable(RunError):
    """Old and new cannot be held against each other; the check fails (exit code 1)."""


def compare(baseline: Baseline, new: Measured) -> list[CheckRow]:
    """All rows, failures first, otherwise in the order of the matrix.

    Raises:
        RunError: the baseline holds no results.
    """
    old = baseline.measured
    if old is None:
        raise RunError('the baseline holds no results yet; measure them: --update --reason "first baseline".')
    rows = [
        *_presence(old, new),
        *_accuracies(old, new, baseline.matrix.level),
        *_counts(old, new),
        *_speeds(old, new, baseline.matrix.slower),
        *_probes(old.probes, new.probes),
    ]
    return sorted(rows, key=lambda row: not row.failed)


def _presence(old: Measured, new: Measured) -> Iterator[CheckRow]:
    """Arms, metrics and query sets that are gone or have come."""

    def row(name: str, verdict: Verdict, before: str, now: str) -> CheckRow:
        return CheckRow("accuracy", name, verdict, before, now, "", None, new.failures.get(name, "what is there"))

    if new.arms and (old.queries, len(old.people)) != (new.queries, len(new.people)):
        yield row("set of queries", "changed", f"{len(old.people)} queries", f"{len(new.people)} queries")
    for name in old.arms:
        if name not in new.arms:
            yield row(name, "vanished", "there", "absent")
            continue
        before, now = old.arms[name], new.arms[name]
        for metric in sorted(set(before.metrics) - set(now.metrics) - set(before.values)):
            yield row(f"{name} {metric}", "vanished", f"{before.metrics[metric]:.2f}", "absent")
        for metric in sorted(set(now.metrics) - set(before.metrics)):
            yield row(f"{name} {metric}", "new", "absent", f"{now.metrics[metric]:.2f}")
    for name in new.arms:
        if name not in old.arms:
            yield row(name, "new", "absent", "there")


def _accuracies(old: Measured, new: Measured, level: float) -> list[CheckRow]:
    if (old.queries, len(old.people)) != (new.queries, len(new.people)):
        return []  # told above; there are no pairs of queries
    tables, chains = {}, []
    for name, arm in old.arms.items():
        for metric, seeds in arm.values.items():
            tables[name, metric] = _table(seeds)[1]
            chains.append(name.partition("/")[0])
    counting = {key: table[:, np.isfinite(table[0])] for key, table in tables.items()}
    spread = noises(counting, chains)
    rows: list[CheckRow] = []
    compared: list[tuple[tuple[str, str], AccuracyChange, str, float, float]] = []
    for (name, metric), before in tables.items():
        now = new.arms.get(name)
        if now is None:
            continue  # told above
        if metric not in now.values:
            mean = f"{_mean(before):.2f}"
            rows.append(
                CheckRow("accuracy", f"{name} {metric}", "vanished", mean, "absent", "", None, "per-query values")
            )
            continue
        found = _pair(old, name, metric, now, spread[name, metric])
        if found is None:
            rows.append(
                CheckRow(
                    "accuracy", f"{name} {metric}", "changed", "", "", "", None, "which queries count is not as before"
                )
            )
            continue
        compared.append(((name, metric), *found))
    worse = holm([one[1].worse for one in compared])
    better = holm([1 - one[1].worse for one in compared])
    for ((name, metric), difference, against, before_mean, now_mean), p, q in zip(compared, worse, better, strict=True):
        verdict: Verdict = "no worse"
        if difference.exact:
            verdict = "equal"
        elif p < level and difference.mean < 0:
            verdict = "worse"
        elif q < _BETTER and difference.mean > 0:
            verdict = "better"
        words = f"{difference.mean:+.2f} ({difference.low:+.2f} to {difference.high:+.2f})"
        rows.append(
            CheckRow(
                "accuracy", f"{name} {metric}", verdict, f"{before_mean:.2f}", f"{now_mean:.2f}", words, p, against
            )
        )
    return rows


def _pair(
    old: Measured, name: str, metric: str, now: ArmResult, noise: Noise
) -> tuple[AccuracyChange, str, float, float] | None:
    """The difference, what was compared, and both means; None where other queries count than before."""
    before = old.arms[name]
    seed, values = next(iter(now.values[metric].items()))
    stored, table = _table(before.values[metric])
    first = table[stored.index(seed)] if seed in stored else None
    keep = np.isfinite(table[0])
    if not np.array_equal(keep, np.isfinite(values)):
        return None
    people = old.people[keep]
    if first is not None and before.weights.get(seed) == now.weights.get(seed):
        against = f"same weights, seed {seed}: spread over people only"
        return same_weights(values[keep], first[keep], people), against, _mean(first), _mean(values)
    difference = other_weights(values[keep], table[:, keep], people, noise)
    room = f"training noise {noise.sigma:.2f} points" if noise.known else "training noise unknown: one seed"
    against = f"other weights: seed {seed} against the mean of {len(stored)} seeds, {room}"
    return difference, against, _mean(table), _mean(values)


def _counts(old: Measured, new: Measured) -> Iterator[CheckRow]:
    for name, arm in old.arms.items():
        now = new.arms.get(name)
        if now is None:
            continue
        for what, count in arm.counts.items():
            title = f"{name} {what}"
            if what not in now.counts:
                yield CheckRow("cost", title, "vanished", f"{count:,}", "absent", "", None, "counted, exact")
                continue
            found = now.counts[what]
            verdict: Verdict = "equal" if found == count else "changed"
            yield CheckRow(
                "cost", title, verdict, f"{count:,}", f"{found:,}", f"{found - count:+,}", None, "counted, exact"
            )
        for what in sorted(set(now.counts) - set(arm.counts)):
            yield CheckRow(
                "cost", f"{name} {what}", "new", "absent", f"{now.counts[what]:,}", "", None, "counted, exact"
            )


def _speeds(old: Measured, new: Measured, slower: float) -> Iterator[CheckRow]:
    for name, arm in old.arms.items():
        now = new.arms.get(name)
        if now is None:
            continue
        for what, before in arm.ratios.items():
            title = f"{name} {what}"
            against = f"time over that of a bare {arm.trunk}, in turns; up to {slower:g} times as before is no worse"
            if what not in now.ratios:
                yield CheckRow("speed", title, "vanished", f"{before.median:.2f}", "absent", "", None, against)
                continue
            found = now.ratios[what]
            quotient = Ratio(found.median / before.median, found.low / before.high, found.high / before.low)
            verdict: Verdict = "no worse"
            if quotient.low > slower:
                verdict = "worse"
            elif quotient.high < 1 / slower:
                verdict = "better"
            words = f"×{quotient.median:.2f} ({quotient.low:.2f} to {quotient.high:.2f})"
            yield CheckRow("speed", title, verdict, f"{before.median:.2f}", f"{found.median:.2f}", words, None, against)
        for what in sorted(set(now.ratios) - set(arm.ratios)):
            yield CheckRow("speed", f"{name} {what}", "new", "absent", f"{now.ratios[what].median:.2f}", "", None, "")


def _probes(old: Mapping[str, Probe], new: Mapping[str, Probe]) -> Iterator[CheckRow]:
    for name, before in old.items():
        if name not in new:
            yield CheckRow("probe", name, "vanished", "there", "absent", "", None, "exact")
            continue
        yield _probe(name, before, new[name])
    for name in new:
        if name not in old:
            yield CheckRow("probe", name, "new", "absent", "there", "", None, "exact")


def _probe(name: str, before: Probe, now: Probe) -> CheckRow:
    if before.digest or now.digest:
        same = before.digest == now.digest
        shown = [digest[:8] or "numbers" for digest in (before.digest, now.digest)]
        return CheckRow("probe", name, "equal" if same else "changed", shown[0], shown[1], "", None, "digest, exact")
    lost = sorted(set(before.numbers) ^ set(now.numbers))
    against = f"numbers, up to {before.tolerance:g} of the largest"
    if lost:
        return CheckRow(
            "probe", name, "changed", f"{len(before.numbers)}", f"{len(now.numbers)}", lost[0], None, against
        )
    scale = max(1.0, *(abs(value) for value in before.numbers.values()))
    apart = {key: abs(now.numbers[key] - value) for key, value in before.numbers.items()}
    beyond = [key for key, gap in apart.items() if not gap <= before.tolerance * scale]  # NaN is beyond too
    if not beyond:
        largest = max(apart.values())
        return CheckRow("probe", name, "equal", "", "", f"at most {largest:.1g} apart", None, against)
    worst = max(beyond, key=lambda key: apart[key])
    words = f"{worst}; {len(beyond)} of {len(apart)} numbers differ"
    return CheckRow(
        "probe", name, "changed", f"{before.numbers[worst]:.4g}", f"{now.numbers[worst]:.4g}", words, None, against
    )


def _table(seeds: Mapping[int, NDArray[np.float64]]) -> tuple[list[int], NDArray[np.float64]]:
    return list(seeds), np.stack(list(seeds.values()))


def _mean(values: NDArray[np.float64]) -> float:
    return float(np.nanmean(values))
