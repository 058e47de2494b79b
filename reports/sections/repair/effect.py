"""What repaired data do to accuracy: {raw, repaired} training x {raw, repaired} testing, and by what is hidden.

Every difference is paired over the same queries and pooled over the seeds that both arms have, against the same network
trained and tested on raw data. The oracle, which knows the true pixels, says how much there is to win at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protocols.ground_truth.occlusion import SLICES, slice_of
from protocols.statistics import clustered_bootstrap, paired_difference, verdict
from reports.ledger.difference import FEWEST_PEOPLE, Difference, compare
from reports.ledger.mask_measures import slug_of
from reports.ledger.wording import signed
from reports.records.per_query import counted
from reports.render.estimate import estimate
from reports.render.table import Cell, Column, Estimate, Row, Table
from reports.schema.metrics import METRIC_LABELS
from reports.schema.vocabulary import ORACLE, RAW
from reports.sections.results.tables import SHOWN
from reports.store import repairer_names
from reports.store.arm import Group
from reports.store.job import Job
from reports.store.repairer_names import name_of

NOT_RUN = "not run"
Where = tuple[bool, bool]  # whether the training and whether the test data are repaired
PLACES: tuple[Where, ...] = ((False, False), (False, True), (True, False), (True, True))
IN_WORDS: dict[Where, str] = {
    (True, True): "when training and test data are repaired",
    (False, True): "when the test data alone are repaired",
}


@dataclass(frozen=True, slots=True)
class Quarter:
    """One cell of a 2x2; ``group`` is None where it was not run, a difference where there is none to raw on raw."""

    train: str
    test: str
    group: Group | None
    differences: dict[str, Difference | None]


@dataclass(frozen=True, slots=True)
class Square:
    """The 2x2 of one network and one repairer; ``words`` answer what testing and what training on it brings."""

    base: str
    base_label: str
    repairer: str
    label: str
    quarters: dict[Where, Quarter]
    words: tuple[str, ...]

    def gain(self, where: Where) -> Difference | None:
        """Difference of mAP to raw on raw."""
        return self.quarters[where].differences["mAP"]


def squares(job: Job) -> tuple[Square, ...]:
    """A 2x2 for each network and each repairer whose data any of its arms saw."""
    return tuple(
        _square(job, base, groups, repairer)
        for base, groups in repairer_names.bases(job).items()
        for repairer in repairer_names.repairers_of(groups)
    )


def _square(job: Job, base: str, groups: tuple[Group, ...], repairer: str) -> Square:
    kinds = (RAW, repairer)
    by_data = {(group.data.train, group.data.test): group for group in reversed(groups)}
    raw = by_data.get((RAW, RAW))
    quarters = {}
    for train, test in PLACES:
        group = by_data.get((kinds[train], kinds[test]))
        both = raw is not None and group is not None and group is not raw
        quarters[train, test] = Quarter(
            kinds[train],
            kinds[test],
            group,
            {metric: compare(group, raw, metric, None) if both and group and raw else None for metric in SHOWN},
        )
    words = _questions(quarters)
    return Square(
        base, repairer_names.base_label(job, base), repairer, repairer_names.label(job, repairer), quarters, words
    )


def _questions(quarters: dict[Where, Quarter]) -> tuple[str, ...]:
    """What repairing the test data alone gains, and what training on repaired data adds."""
    alone, both = quarters[False, True], quarters[True, True]
    found = []
    if quarters[False, False].group is None:
        return (f"Trained and tested on raw data: {NOT_RUN}, so there is nothing to compare with.",)
    gain = alone.differences["mAP"]
    if gain:
        found.append(_says("Repairing the test data alone", gain))
    if both.group and alone.group:
        added = compare(both.group, alone.group, "mAP", None)
        found += [_says("Training on repaired data as well", added)] if added else []
    elif both.group:
        found.append(
            "How much of it comes from the test data cannot be told: trained on raw and tested on repaired data was "
            f"{NOT_RUN}."
        )
    elif alone.group:
        found.append(f"What training on repaired data adds was {NOT_RUN}.")
    return tuple(found)


def _says(what: str, found: Difference) -> str:
    around = f"{signed(found.low)} to {signed(found.high)}"
    if found.verdict == "holds":
        return f"{what} gains {found.mean:.1f} points of mAP ({around})."
    if found.high < 0:
        return f"{what} costs {-found.mean:.1f} points of mAP ({around})."
    return f"{what} makes no difference that can be told: {signed(found.mean)} points of mAP ({around})."


def what_can_be_shown(job: Job, found: Sequence[Square]) -> tuple[str, ...]:
    """Whether the data set can show any effect of repair, from the oracle; and who gets how much of what it gains."""
    known = [one for one in found if name_of(one.repairer) == ORACLE and any(one.gain(where) for where in IN_WORDS)]
    if not found:
        return ()
    if not known and not job.synthetic:
        return (
            "Nobody knows the pixels behind an occluder on filmed data, so nothing shows how much there is to win.",
        )
    if not known:
        return ("The oracle, which knows the true pixels, was not run, so nothing shows how much there is to win.",)
    sentences: list[str] = []
    for oracle in known:
        gains = {where: gain for where in IN_WORDS if (gain := oracle.gain(where))}
        above = {where: gain for where, gain in gains.items() if gain.low > 0}
        if not above:
            changes = " and ".join(f"{_change(gain)} {IN_WORDS[where]}" for where, gain in gains.items())
            sentences.append(
                "This data set cannot show the effect of repair under these networks: even with the true pixels in "
                f"place of every occluder, {oracle.base_label} changes by {changes}."
            )
        for where, gain in above.items():
            sentences.append(
                f"There are {_change(gain, plain=True)} to win {IN_WORDS[where]}: so much {oracle.base_label} gains "
                f"with the true pixels in place of every occluder.{_shares(oracle, where, gain, found)}"
            )
    return tuple(sentences)


def _change(found: Difference, plain: bool = False) -> str:
    mean = f"{found.mean:.1f}" if plain else signed(found.mean)
    return f"{mean} points of mAP ({signed(found.low)} to {signed(found.high)})"


def _shares(oracle: Square, where: Where, whole: Difference, found: Sequence[Square]) -> str:
    """Which share of the oracle's gain the others get, from the ratio of means."""
    gains = {
        one.label: gain.mean / whole.mean
        for one in found
        if one.base == oracle.base and one is not oracle and (gain := one.gain(where))
    }
    got = [f"{label} gets {100 * share:.0f} %" for label, share in gains.items() if share >= 0]
    lost = [f"{label} loses {-100 * share:.0f} %" for label, share in gains.items() if share < 0]
    return f" Of that, {', '.join([*got, *lost])}." if gains else ""


def table(job: Job, base: str, found: Sequence[Square]) -> Table:
    """All quarters of one network as rows, with intervals and differences to raw on raw."""
    columns = (
        Column("repairer", "Repairer"),
        Column("trained_on", "Trained on"),
        Column("tested_on", "Tested on"),
        Column("arm", "Arm"),
        *[Column(metric, METRIC_LABELS[metric], "estimate", unit="%") for metric in SHOWN],
        *[
            Column(f"delta_{metric}", f"Δ {METRIC_LABELS[metric]} to raw", "estimate", signed=True, has_verdict=True)
            for metric in SHOWN
        ],
    )
    own = [one for one in found if one.base == base]
    rows = []
    for index, one in enumerate(own):
        for where, quarter in one.quarters.items():
            if where == (False, False) and index:
                continue  # raw on raw is the same for every repairer
            name = "" if where == (False, False) else one.label
            start: list[Cell] = [name, *(repairer_names.label(job, kind) for kind in (quarter.train, quarter.test))]
            group = quarter.group
            cells: list[Cell] = [NOT_RUN, *[None] * (2 * len(SHOWN))]
            if group:
                cells = [group.label, *(estimate(group, metric) for metric in SHOWN)]
                cells += [_difference_cell(quarter.differences[metric]) for metric in SHOWN]
            run_ids = group.run_ids if group else ()
            rows.append(Row((*start, *cells), "" if group else "absent", run_ids))
    caption = f"{repairer_names.base_label(job, base)} on raw and on repaired data"
    return Table(f"repaired_{slug_of(base)}", caption, columns, tuple(rows))


def _difference_cell(found: Difference | None) -> Cell:
    return Estimate(found.mean, found.low, found.high, found.verdict) if found else None


@dataclass(frozen=True, slots=True)
class Slice:
    """The queries of which a like share is hidden: ``chosen`` among those that count."""

    name: str
    chosen: NDArray[np.bool_]
    queries: int
    people: int

    @property
    def few(self) -> bool:
        """Whether it shows too few people to tell anything."""
        return self.people < FEWEST_PEOPLE


def slices(group: Group) -> tuple[Slice, ...]:
    """The queries of an arm by what is hidden of the person; empty where that was not recorded."""
    run = next((run for run in group.runs if "hidden" in run.per_query), None)
    if run is None:
        return ()
    keep = counted(run.per_query, group.first["protocol"]["empty"])
    names = np.array([slice_of(float(share)) for share in np.asarray(run.per_query["hidden"])[keep]])
    people = group.people()
    found = []
    for name in SLICES:
        chosen = names == name
        found.append(Slice(name, chosen, int(chosen.sum()), len(np.unique(people[chosen]))))
    return tuple(found)


def by_hidden_share(job: Job, base: str) -> Table | None:
    """Accuracy of every arm of a network in each slice, and the difference to raw on raw there."""
    groups = repairer_names.bases(job)[base]
    raw = next((group for group in groups if not group.data.repaired), None)
    cut = next((found for group in (raw, *groups) if group and (found := slices(group))), ())
    if not cut:
        return None
    columns = [Column("arm", "Arm"), Column("trained_on", "Trained on"), Column("tested_on", "Tested on")]
    for place, one in enumerate(cut):
        few = ": too few to tell" if one.few else ""
        head = f"{one.name} ({one.queries} queries, {one.people} people{few})"
        for metric in SHOWN:
            hidden = metric != "mAP"
            columns += [
                Column(f"{metric}_{place}", METRIC_LABELS[metric], "estimate", group=head, data_only=hidden),
                Column(f"delta_{metric}_{place}", f"Δ {METRIC_LABELS[metric]}", "estimate", signed=True, group=head,
                       has_verdict=True, data_only=hidden),
            ]  # fmt: skip
        columns += [
            Column(f"queries_{place}", "queries", "number", group=head, data_only=True),
            Column(f"people_{place}", "people", "number", group=head, data_only=True),
        ]
    rows = []
    for group in groups:
        cells: list[Cell] = [
            group.label,
            *(repairer_names.label(job, kind) for kind in (group.data.train, group.data.test)),
        ]
        for one in cut:
            for metric in SHOWN:
                cells += [within(group, one, metric), _gain_within(group, raw, one, metric)]
            cells += [one.queries, one.people]
        rows.append(Row(tuple(cells), "" if group.data.repaired else "headline", group.run_ids))
    known = {str(run.result["hidden_by"]) for group in groups for run in group.runs if run.result.get("hidden_by")}
    by = f", known by {' and '.join(sorted(known))}" if known else ""
    notes = (
        f"Queries by the share of the person that is hidden, mean over frames{by}. Ranges: 95 % intervals, people "
        f"resampled; Δ: difference to the marked row, where the data are raw. A slice of fewer than {FEWEST_PEOPLE} "
        "people is too few to tell, so it has no interval and no verdict.",
    )
    caption = f"{repairer_names.base_label(job, base)}: accuracy by what is hidden of the query (percent)"
    return Table(f"repaired_slices_{slug_of(base)}", caption, tuple(columns), tuple(rows), notes)


def within(group: Group, one: Slice, metric: str) -> Cell:
    """Accuracy in a slice with its interval; the bare mean where the slice is too few to tell."""
    if not one.queries:
        return None
    values = group.values(metric)[..., one.chosen]
    if one.few:
        return float(values.mean())
    found = clustered_bootstrap(values, group.people(metric)[one.chosen], bounds=(0.0, 100.0))
    return Estimate(found.mean, found.low, found.high)


def _gain_within(group: Group, raw: Group | None, one: Slice, metric: str) -> Cell:
    seeds = tuple(seed for seed in group.seeds if raw and seed in raw.seeds)
    if raw is None or group is raw or one.few or not seeds:
        return None
    ours, theirs = (side.values(metric, seeds)[..., one.chosen] for side in (group, raw))
    found = paired_difference(ours, theirs, raw.people(metric)[one.chosen])
    return Estimate(found.mean, found.low, found.high, verdict(found, None))


def lines(job: Job, base: str, metric: str) -> tuple[tuple[str, ...], list[tuple[str, list[Cell]]]]:
    """For a figure: names of the slices, and a metric in each of the raw arm and of one arm for each repairer."""
    groups = repairer_names.bases(job)[base]
    cut = next((found for group in groups if (found := slices(group))), ())
    chosen = [group for group in groups if not group.data.repaired][:1]
    for repairer in repairer_names.repairers_of(groups):
        of = [group for group in groups if repairer in (group.data.train, group.data.test)]
        chosen.append(max(of, key=lambda group: (group.data.test == repairer, group.data.train == repairer)))
    there = [one for one in cut if one.queries]
    names = tuple(f"{one.name.replace(' hidden', '')}\nhidden\n{one.queries} queries" for one in there)
    return names, [(group.label, [within(group, one, metric) for one in there]) for group in chosen]
