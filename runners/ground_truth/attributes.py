"""Attributes that a network recognises: of frames, of tracklets, and of test tracklets against their annotation."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from datasets.attributes import Annotation
from datasets.tracklet import Split, person_ids
from methods.cards.card import ANNOTATED
from methods.interface import FrameThenTime, LearnsAttributes
from runners.ground_truth.interface import Measurement, MeasurementInput
from runners.plan.plan_types import ArmRun, JobConfig, PlannedLabels, PlannedStage
from runners.plan.result_steps import weights_step
from runners.plan.step_store import Step
from runners.progress import note
from runners.training import stage
from runners.training.frame_pass import FramePass

STEP = "recognise"
Floats = NDArray[np.float32]
_AT_ONCE = 8192  # frame features


@dataclass(frozen=True)
class Recognised:
    """What is recorded of an arm's attributes.

    Attributes:
        record: as in ``attributes.json``.
        arrays: ``person``, ``key`` ``[N]``, ``truth`` (NaN unknown) and ``probability`` ``[N, A]``.
    """

    record: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


@torch.inference_mode()
def of_frames(network: LearnsAttributes, features: Floats, device: str) -> Floats:
    """Frame features ``[F, d]`` -> chances ``[F, A]``, each frame on its own."""
    parts = []
    for start in range(0, len(features), _AT_ONCE):
        block = torch.from_numpy(np.array(features[start : start + _AT_ONCE])).to(device)
        alone = torch.ones(len(block), 1, dtype=torch.bool, device=device)
        parts.append(network.attribute_probabilities(block[:, None], alone).float().cpu().numpy())
    return np.concatenate(parts)


@torch.inference_mode()
def of_tracklets(network: LearnsAttributes, features: Floats, offsets: NDArray[np.int64], device: str) -> Floats:
    """Frame features ``[F, d]`` of tracklets -> chances ``[N, A]``, of each tracklet as a whole.

    Args:
        network: that recognises A attributes.
        features: float ``[F, d]`` of frames, tracklet after tracklet.
        offsets: int64 ``[N + 1]``; tracklet n has the rows ``offsets[n]`` to ``offsets[n + 1]``.
        device: the network's.
    """
    parts = []
    for first, end in pairwise(offsets):
        clip = torch.from_numpy(np.array(features[first:end])).to(device)[None]
        whole = torch.ones(clip.shape[:2], dtype=torch.bool, device=device)
        parts.append(network.attribute_probabilities(clip, whole).float().cpu().numpy())
    return np.concatenate(parts)


def recognise(
    network: LearnsAttributes,
    features: Floats,
    offsets: NDArray[np.int64],
    split: Split,
    annotation: Annotation,
    labels: PlannedLabels,
    device: str,
) -> Recognised | None:
    """Hold an arm's attributes of test tracklets against the annotation, as far as both speak of the same ones.

    Args:
        network: in eval mode.
        features: of all frames of ``split.test``, ``[F, d]``.
        offsets: first frame of each tracklet, ``[N + 1]``.
        split: the data.
        annotation: of the data.
        labels: what the network learned, whose columns it answers in.
        device: such as ``cpu``.

    Returns:
        None where no attribute of the network is annotated, or nobody of the test half (labels that were transferred
        to training people, for one).
    """
    known = {column.name: (place, column) for place, column in enumerate(annotation.columns)}
    both = [(place, *known[name]) for place, name in enumerate(labels.columns) if name in known]
    if not both:
        return None
    ours, theirs = [one[0] for one in both], [one[1] for one in both]
    targets = annotation.tracklet_targets(split.test)[:, theirs]
    kept = np.flatnonzero(~np.isnan(targets).all(axis=1))
    if not len(kept):
        note(
            f"attributes: {annotation.name} tells nothing of test people, so what is recognised is held against nothing"
        )
        return None
    chances = of_tracklets(network, features, offsets, device)[:, ours]
    trained = annotation.people_targets(np.unique(person_ids(split.train)))[:, theirs]
    positive = np.nanmean(trained, axis=0) if len(trained) else np.full(len(both), np.nan)
    people = person_ids(split.test)[kept]
    groups = {name: group.name for group in labels.groups for name in group.columns}
    record = {
        "annotation": annotation.name,
        "labels": annotation.name if labels.name == ANNOTATED else labels.name,
        "tracklets": len(kept),
        "people": len(np.unique(people)),
        "what": "every test tracklet of a known person, all of its frames in one pass",
        "left_out": len(labels.columns) - len(both),
        "columns": [
            {
                "name": column.name,
                "attribute": column.attribute,
                "group": groups[column.name],
                "positive": float(share) if np.isfinite(share) else None,
            }
            for (_, _, column), share in zip(both, positive, strict=True)
        ],
    }
    keys = np.array([split.test[row].key for row in kept])
    return Recognised(record, {"person": people, "key": keys, "truth": targets[kept], "probability": chances[kept]})


def recognise_step(run: ArmRun, last: PlannedStage, config: JobConfig) -> Step:
    """The step that holds the attributes an arm recognises against the annotation of the test half."""
    known = config.annotation.fingerprint if config.annotation else None
    return weights_step(STEP, run, last, config, annotation=known, crop=last.crop)


def _planned(given: MeasurementInput) -> Step | None:
    if not given.of_raw or given.last.labels is None or given.data.annotation is None:
        return None
    return recognise_step(given.run, given.last, given.config)


def _measure(given: MeasurementInput) -> Recognised | None:
    trained, data, last = given.trained(), given.data, given.last
    if not isinstance(trained, LearnsAttributes) or not isinstance(trained, FrameThenTime):
        return None
    assert last.labels is not None and data.annotation is not None  # or nothing was planned
    store = data.raw_store("test", last.size, last.crop, last.resize)
    frames = FramePass.of(last, data.raw, "test", store, data.device)
    features = stage.load_features(stage.frame_features(trained, frames, data.steps))
    return recognise(trained, features, store.offsets, data.raw, data.annotation, last.labels, data.device)


MEASUREMENT = Measurement("attributes", _planned, _measure, order=40)
