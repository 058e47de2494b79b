"""Attributes that a network tells of people whom nobody annotated: a file like any other annotation.

ADFD's rule: the predicted probabilities of a person's frames are averaged, and one half or more is yes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from datasets import attributes
from datasets.frames.decoded import FrameStore
from datasets.tracklet import Split, Tracklet, person_ids
from files.formats.arrays import load_npz
from methods.interface import FrameThenTime, LearnsAttributes
from runners.errors import RunError
from runners.evaluation.score import to_npz
from runners.ground_truth import attributes as ground_truth_attributes
from runners.plan.step_store import AGAIN, StepStore, write_bytes
from runners.training import stage
from runners.training.frame_pass import FramePass

if TYPE_CHECKING:
    from methods.arms import Arm
    from runners.derived_data.annotations import AnnotatedSplit
    from runners.plan.plan_types import PlannedLabels, PlannedStage

FILE = "attributes.csv"
PROBABILITIES = "probabilities.npz"
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Labelled:
    """What labelling arms say of people, beside what is annotated.

    Attributes:
        record: as in ``labels.json``.
        arrays: ``person``, ``truth`` of the job's training people, ``source_person``, ``source_truth`` of the source's
            test people, and what each labeller says of both.
    """

    record: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Half:
    """The tracklets of one half of a data set with their frames.

    Attributes:
        part: ``train`` or ``test``.
        split: the data set.
        store: frames of that half.
        prefix: of the names of the arrays that are written about its people.
    """

    part: str
    split: Split
    store: FrameStore
    prefix: str = ""


def label(
    planned: PlannedLabels, halves: Iterable[Half], num_train_ids: int, steps: StepStore, device: str, folder: Path
) -> None:
    """Write ``attributes.csv`` (yes or no) and ``probabilities.npz`` of the people of the job's training half.

    Where the source has a test half, what the network says of its people, whom it never saw, is kept beside.

    Args:
        planned: the labels; their arm is trained.
        halves: the job's training half; where the source has known people in its test half, that one too.
        num_train_ids: people that the arm was trained on.
        steps: where the arm is, and where the features of its frames are kept.
        device: such as ``cpu``.
        folder: of the step.
    """
    last = planned.labeller
    assert last is not None  # labels that are made have one
    arrays: dict[str, NDArray[Any]] = {}
    for half in halves:
        found = _of_people(last, half, num_train_ids, steps, device)
        arrays[f"{half.prefix}person"], arrays[f"{half.prefix}probability"] = found
    write_bytes(folder / PROBABILITIES, to_npz(arrays))
    groups = [group.name for group in planned.groups for _ in group.columns]
    yes = (arrays["probability"] >= 0.5).astype(np.float32)
    attributes.write_table(folder / FILE, arrays["person"], planned.columns, groups, yes)


def _of_people(
    last: PlannedStage, half: Half, num_train_ids: int, steps: StepStore, device: str
) -> tuple[NDArray[np.int64], Floats]:
    """Known people ``[P]`` of a half, and the mean over all frames of each of what the network says ``[P, A]``."""
    network = stage.trained_method(last, num_train_ids, steps, device)
    if not isinstance(network, LearnsAttributes) or not isinstance(network, FrameThenTime):
        raise RunError(f"the arm {last.run.text} has role labeller, but its network recognises no attributes.")
    file = stage.frame_features(network, FramePass.of(last, half.split, half.part, half.store, device), steps)
    chances = ground_truth_attributes.of_frames(network, stage.load_features(file), device)
    tracklets: tuple[Tracklet, ...] = half.split.train if half.part == "train" else half.split.test
    owner = np.repeat(person_ids(tracklets), half.store.lengths)  # [F]
    people, place = np.unique(owner[owner > 0], return_inverse=True)
    total = np.zeros((len(people), chances.shape[1]), dtype=np.float64)
    np.add.at(total, place, chances[owner > 0])
    return people, (total / np.bincount(place)[:, None]).astype(np.float32)


def against_annotation(
    planned: Sequence[tuple[Arm, int, PlannedLabels]],
    target: AnnotatedSplit,
    source: AnnotatedSplit,
    steps: StepStore,
) -> Labelled | None:
    """Labels of every arm and seed beside the annotation of the job's people and of the source's.

    Args:
        planned: arms with seeds and labels, which are made.
        target: the data of the job.
        source: the data that the arms learnt attributes from.
        steps: where the labels are.

    Returns:
        None where source and job have no attribute in common.
    """
    annotation = target.annotation
    ours = {column.name: place for place, column in enumerate(annotation.columns)}
    names = [column for group in source.annotation.groups for column in group.columns]
    shared = [place for place, name in enumerate(names) if name in ours]
    if not shared:
        return None
    arrays: dict[str, NDArray[Any]] = {}
    labellers = []
    for arm, seed, labels in planned:
        assert labels.step is not None and labels.labeller is not None  # an arm labels
        found = load_npz(steps.folder(labels.step) / PROBABILITIES, error=RunError, remedy=AGAIN)
        arrays["person"] = found["person"]
        arrays[f"{arm.text}/{seed}/probability"] = found["probability"][:, shared]
        if "source_person" in found:
            arrays["source_person"] = found["source_person"]
            arrays[f"{arm.text}/{seed}/source_probability"] = found["source_probability"][:, shared]
        losses = dict(labels.labeller.stage.losses)
        labellers.append({"arm": arm.text, "label": arm.label, "seed": seed, "losses": losses})
    chosen = [ours[names[place]] for place in shared]
    arrays["truth"] = annotation.people_targets(arrays["person"])[:, chosen]
    if "source_person" in arrays:
        arrays["source_truth"] = source.annotation.people_targets(arrays["source_person"])[:, shared]
    groups = [group.name for group in source.annotation.groups for _ in group.columns]
    record = {
        "source": {**_about(source.split, source.split.train), "name": source.name or source.split.name},
        "target": _about(target.split, target.split.train),
        "left_out": len(names) - len(shared),
        "columns": [
            {
                "name": names[place],
                "attribute": annotation.columns[ours[names[place]]].attribute,
                "group": groups[place],
                "positive": _share(arrays["truth"][:, column]),
            }
            for column, place in enumerate(shared)
        ],
        "labellers": labellers,
    }
    return Labelled(record, arrays)


def _about(split: Split, tracklets: tuple[Tracklet, ...]) -> dict[str, Any]:
    return {
        "name": split.name,
        "fingerprint": split.fingerprint,
        "frames": sum(map(len, tracklets)),
        "people": len(np.unique(person_ids(tracklets))),
    }


def _share(answers: NDArray[np.float32]) -> float | None:
    known = answers[~np.isnan(answers)]
    return float(known.mean()) if len(known) else None
