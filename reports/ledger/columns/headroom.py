"""Third column: what would a perfect version of the mechanism gain on these data, and what share of it the arm gets."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from protocols.vocabulary import Mechanism, Oracle
from reports.ledger.difference import Difference, compare, difference_of, pair
from reports.schema.controls import CONTROL_LABELS
from reports.schema.metrics import split_metric
from reports.schema.vocabulary import ORACLE, RAW
from reports.store.arm import Group
from reports.store.job import Job

ORACLES_OF: dict[Mechanism, tuple[Oracle, ...]] = {
    "frame-weights": ("true-visibility",),
    "masks": ("true-masks", "true-masks-and-things"),
    "motion": ("true-gait",),
    "attributes": ("true-attributes",),
}
"""Controls that are a perfect version of a mechanism; repair has the unoccluded twins, images have the videos.

The last map pooled under true masks is none of masks: by then most of the frame is mixed into each of its places."""

VIDEOS = "V2V"
TWINS = "unoccluded twins"
NO_TRUTH = "no truth on these data"
NOT_RUN = "not run"
NO_HEADROOM = "it may be nothing, so there is no share of it"
RULE = (
    "Headroom is what the opponent gains by the truth in the mechanism's place, and the share is the claim's gain over "
    "it; where its interval reaches zero there is no share."
)


@dataclass(frozen=True, slots=True)
class Headroom:
    """What one oracle gains over a claim's opponent.

    Attributes:
        mechanism: that it is a perfect version of.
        oracle: a control that knows the truth, ``oracle`` (the repairer) or ``V2V`` (videos in place of images).
        label: the oracle for a reader.
        difference: oracle minus opponent, in points; ``None`` where it was not measured.
        share: of it that the arm gets, 1 for all; ``None`` where that cannot be said.
        why: the reason of what is missing.
    """

    mechanism: Mechanism
    oracle: str
    label: str
    difference: Difference | None = None
    share: float | None = None
    why: str = ""


def headrooms(
    job: Job, against: str, metric: str, mechanisms: Iterable[Mechanism], gain: float
) -> tuple[Headroom, ...]:
    """One for each oracle of each mechanism that was recorded; one that says why for a mechanism without any.

    Args:
        job: what was recorded.
        against: name of the opponent, one of its arms.
        metric: of the claim.
        mechanisms: that the claim is about.
        gain: arm minus opponent, in points.
    """
    opponent = job.by_name[against]
    return tuple(
        _with_share(one, gain) for mechanism in mechanisms for one in _measured(job, opponent, metric, mechanism)
    )


def twins(job: Job, opponent: Group) -> Group | None:
    """The opponent's network on data whose occluded frames are the unoccluded twins; trained as itself if possible."""
    data = opponent.data
    found = [
        one for one in job.arms() if one.data.base == data.base and one.data.test == ORACLE and one is not opponent
    ]
    wanted = [data.train, RAW]
    return min(found, key=lambda one: [*wanted, one.data.train].index(one.data.train), default=None)


def _measured(job: Job, opponent: Group, metric: str, mechanism: Mechanism) -> list[Headroom]:
    missing = NOT_RUN if job.synthetic else NO_TRUTH
    if mechanism == "video":
        return [_of_videos(opponent, metric)]
    if mechanism == "repair":
        group = twins(job, opponent)
        found = Headroom(mechanism, ORACLE, TWINS)
        usable = group is not None and group.scored_on(metric)
        difference = compare(group, opponent, metric, None) if group and usable else None
        return [replace(found, difference=difference, why="" if difference else missing)]
    controls = {group.control: group for group in job.controls_of(opponent.name) if group.scored_on(metric)}
    names = ORACLES_OF[mechanism]
    recorded = [
        Headroom(mechanism, name, CONTROL_LABELS[name], difference)
        for name in names
        if name in controls and (difference := compare(controls[name], opponent, metric, None))
    ]
    return recorded or [Headroom(mechanism, names[0], CONTROL_LABELS[names[0]], why=missing)]


def _of_videos(opponent: Group, metric: str) -> Headroom:
    """The opponent's own videos against its images."""
    found = Headroom("video", VIDEOS, "videos in place of images")
    of_videos = f"{VIDEOS}/{split_metric(metric)[1]}"
    if not opponent.scored_on(of_videos):
        return replace(found, why=f"{opponent.label} recorded no result on the side {VIDEOS}")
    if not np.array_equal(opponent.people(of_videos), opponent.people(metric)):
        return replace(found, why="other queries count on the side of videos")
    pairing = pair(opponent, opponent, of_videos, metric)
    assert pairing is not None  # it shares all seeds with itself
    difference = difference_of(pairing, pairing.interval(), opponent, opponent, None)
    return replace(found, difference=replace(difference, label=f"{opponent.label}, images"))


def _with_share(found: Headroom, gain: float) -> Headroom:
    if found.difference is None:
        return found
    if found.difference.low <= 0:
        return replace(found, why=NO_HEADROOM)
    return replace(found, share=gain / found.difference.mean)
