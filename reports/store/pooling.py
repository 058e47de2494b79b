"""Runs of one arm in several divisions of the data brought together; which of them count."""

from collections.abc import Iterable

from reports.errors import NothingToReport
from reports.records import kinds_of_arms
from reports.records.splits import pooled_queries, pooled_result
from reports.store.arm import ArmRun


def over_divisions(
    found: dict[str, list[ArmRun]], asked: tuple[int, ...], parent_id: str
) -> tuple[dict[str, list[ArmRun]], tuple[str, ...]]:
    """One run for each arm, seed and head seed, all over the same divisions, and sentences on what does not count.

    What was not run in all divisions that were asked for is left out. As long as no arm was (the job was stopped
    early), the divisions count that all arms with all seeds were run in.

    Raises:
        NothingToReport: there is no such division yet.
    """
    if not asked:
        return found, ()
    by_seed = {name: _by_seed(runs) for name, runs in found.items()}
    each = [(name, key, set(parts)) for name, seeds in by_seed.items() for key, parts in seeds.items()]
    trained = [splits for name, key, splits in each if by_seed[name][key][min(splits)].result["control"] != "colour"]
    if any(splits >= set(asked) for splits in trained):
        common = asked
    else:
        firsts = [splits for _, (_, head), splits in each if head == 0]
        common = tuple(number for number in asked if all(number in splits for splits in firsts))
    if not common:
        raise NothingToReport(
            f"parent run {parent_id} has no split yet in which all its arms were run; let the job run on."
        )
    left_out = [
        f"{name} with seed {_first_run(by_seed[name][key]).seed_words}, which was run in {len(splits)} of {len(asked)} "
        "splits: let the job run on."
        for name, key, splits in each
        if not splits >= set(common)
    ]
    pooled = {
        name: [_pooled([parts[number] for number in common]) for parts in seeds.values() if set(parts) >= set(common)]
        for name, seeds in by_seed.items()
    }
    return {name: runs for name, runs in pooled.items() if runs}, tuple(left_out)


def _by_seed(runs: Iterable[ArmRun]) -> dict[tuple[int, int], dict[int, ArmRun]]:
    """Seed and head seed -> division of the data -> run."""
    found: dict[tuple[int, int], dict[int, ArmRun]] = {}
    for run in runs:
        found.setdefault((run.seed, run.head_seed), {})[run.split or 0] = run
    return found


def _first_run(parts: dict[int, ArmRun]) -> ArmRun:
    return parts[min(parts)]


def without_first_head(found: dict[str, list[ArmRun]]) -> tuple[dict[str, list[ArmRun]], tuple[str, ...]]:
    """The runs whose seed has head seed 0, which the records beside a result are of; sentences on the others."""
    kept: dict[str, list[ArmRun]] = {}
    left_out = []
    for name, runs in found.items():
        firsts = {run.seed for run in runs if run.head_seed == 0}
        kept[name] = [run for run in runs if run.seed in firsts]
        for seed in sorted({run.seed for run in runs} - firsts):
            left_out.append(f"{name} with seed {seed}, of which only further heads were recorded: let the job run on.")
    return {name: runs for name, runs in kept.items() if runs}, tuple(left_out)


def _pooled(parts: list[ArmRun]) -> ArmRun:
    """All divisions of one arm with one seed as one run."""
    first = parts[0]
    numbers = [part.split or 0 for part in parts]
    name = f"{first.result['label']}, seed {first.seed_words}"
    records = {}
    for kind in kinds_of_arms():
        values = [value for value in (kind.of(part) for part in parts) if value is not None]
        together = kind.pool(values, numbers, name) if kind.pool and len(values) == len(parts) else None
        if together is not None:
            records[kind.name] = together
    return ArmRun(
        first.run_id,
        pooled_result([part.result for part in parts]),
        pooled_queries([part.per_query for part in parts], numbers, name),
        first.strips,
        records,
        divisions=tuple(parts),
    )
