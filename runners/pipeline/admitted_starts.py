"""Which starting weights an arm rests on, and whether a protocol admits them on the data that the arm is scored on."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from datasets.files.provenance import provenance_of
from datasets.synthwalk.presets import RESERVED_FOR_START
from datasets.tracklet import Split
from methods.starts.card import NO_SEED, SeenData, StartCard
from protocols.checks import KnownData
from protocols.interface import Protocol
from runners.errors import ArmRejected, RunError
from runners.plan.plan_types import ArmRun, PlannedData, PlannedStage


def refuse_reserved(split: Split) -> None:
    """Refuse data that are kept for training starting weights.

    Raises:
        RunError: it is a SynthWalk world of such a seed.
    """
    seed = provenance_of(split).seed
    if seed is not None and seed in RESERVED_FOR_START:
        first, last = RESERVED_FOR_START[0], RESERVED_FOR_START[-1]
        raise RunError(
            f"{split.root} holds SynthWalk of seed {seed}; seeds {first} to {last} are kept for starting weights and "
            "nothing is reported on them: render a world of another seed."
        )


def start_checks(
    protocol: Protocol, run: ArmRun, last: PlannedStage, tested: PlannedData, split: Split
) -> list[dict[str, Any]]:
    """The protocol's checks of the starting weights that an arm rests on, for its record; none where there are none.

    Args:
        protocol: of the job.
        run: the arm.
        last: its last stage.
        tested: the data it is scored on.
        split: the same, raw.

    Raises:
        ArmRejected: some have learned from the data that the arm is scored on.
    """
    cards = {card.sha256: card for card in _behind(last, tested)}
    if not cards:
        return []
    test = known_split(split)
    checks = [
        protocol.admit_start(card.name, [known_data(one) for one in card.has_seen], test) for card in cards.values()
    ]
    for check in checks:
        if not check.passed:
            raise ArmRejected(
                f"{protocol.name} does not admit {run.text} ({check.detail}); nothing was trained for it. Score it on "
                "other data, or begin elsewhere: --pretrained none, --pretrained imagenet or --start FILE.",
                f"{check.name}: {check.detail}",
            )
    return [asdict(check) for check in checks]


def known_split(split: Split) -> KnownData:
    """A split as protocols know it."""
    from_where = provenance_of(split)
    return KnownData(
        f"{split.name} {split.version}".strip(),
        from_where.fingerprints,
        from_where.content,
        from_where.seed,
        from_where.style,
    )


def known_data(seen: SeenData) -> KnownData:
    """Data on a card as protocols know them."""
    seed = None if seen.seed == NO_SEED else seen.seed
    return KnownData(f"{seen.name} {seen.version}".strip(), (seen.fingerprint,), seen.content, seed, seen.style)


def _behind(last: PlannedStage, tested: PlannedData) -> Iterator[StartCard]:
    """Starts of the arm's own stages, and of the networks that paint, score and label its data."""
    for stage in last.chain():
        yield from stage.starts.values()
        yield from _of_data(stage.data)
        if stage.scores:
            yield from _behind(stage.scores.scorer, stage.scores.scorer.data)
        if stage.labels and (behind := stage.labels.labeller):
            yield from _behind(behind, behind.data)
    yield from _of_data(tested)


def _of_data(data: PlannedData) -> Iterator[StartCard]:
    if data.painter:
        yield from _behind(data.painter, data.painter.data)
    if data.scores:
        yield from _behind(data.scores.scorer, data.scores.scorer.data)
