"""Where a network looks, held against the truth of a rendered data set: one clip of every known person's tracklet.

The masks of a trained network stand beside those of the same network untrained and beside a mask that merely knows that
people stand in the middle; without these two a high number says nothing.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from datasets.frames.decoded import FrameStore
from datasets.images.transforms import Normalisation, to_tensor
from datasets.tracklet import Split
from methods.interface import Explains, FixedClip
from protocols.ground_truth import masks
from protocols.vocabulary import REFERENCES, WHO
from runners.ground_truth.interface import Measurement, MeasurementInput, has_truth
from runners.ground_truth.overlays import PICTURED, pictures
from runners.ground_truth.scenes import Scene, known, regions, scenes
from runners.plan.environment import Precision
from runners.plan.plan_types import ArmRun, JobConfig, PlannedStage
from runners.plan.result_steps import weights_step
from runners.plan.step_store import Step
from runners.progress import note
from runners.training import stage
from runners.training.frame_features import frames_per_batch
from runners.training.sources import autocast

STEP = "explain"
CLIP = 4  # frames of a clip, for methods that take any number
LESS_IS_BETTER = ("background", "occluder")


@dataclass(frozen=True)
class Explained:
    """What is recorded of where a network looks.

    Attributes:
        record: as in ``explain.json`` (`reports.records.masks`).
        arrays: ``person`` and ``key`` ``[N]``, and ``<map>/<measure>/<who>`` ``[N]``.
    """

    record: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


def explain(
    trained: nn.Module,
    untrained: nn.Module,
    split: Split,
    store: FrameStore,
    *,
    normalise: Normalisation,
    device: str,
    precision: Precision,
) -> Explained | None:
    """Measure every mask that a method shows, on the test half; None if it shows none.

    Args:
        trained: in eval mode, satisfies `methods.interface.Explains`.
        untrained: the same network with its initial weights, in eval mode.
        split: a data set with truth.
        store: frames of ``split.test``.
        normalise: of pixels, as in training.
        device: such as ``cpu``.
        precision: as at test.
    """
    length = trained.clip_length if isinstance(trained, FixedClip) else CLIP
    found = scenes(split, length)
    seen = {}
    for who, network in (("trained", trained), ("untrained", untrained)):
        assert isinstance(network, Explains)  # asked for no other method
        seen[who] = _masks(network, found, store, normalise, device, precision)
        if not seen[who]:
            return None
    note(f"masks: {', '.join(seen['trained'])} of {len(found)} clips held against the truth")
    silhouettes = [regions(split, t, np.arange(len(t))).foreground for t in known(split.train)]
    people = np.array([scene.tracklet.person_id for scene in found])
    arrays: dict[str, NDArray[Any]] = {"person": people, "key": np.array([s.tracklet.key for s in found])}
    maps, differences = [], []
    for name, values in seen["trained"].items():
        grid = (values.shape[2], values.shape[3])
        prior = np.broadcast_to(masks.centre_prior(silhouettes, grid), values.shape)
        scored = {
            who: masks.best_threshold(
                [masks.tracklet_statistics(mask, scene.regions) for mask, scene in zip(each, found, strict=True)]
            )
            for who, each in zip(WHO, (values, seen["untrained"][name], prior), strict=True)
        }
        for who, one in scored.items():
            arrays |= {f"{name}/{measure}/{who}": array for measure, array in one.measures.items()}
            measures = {m: masks.average(m, array, people).as_dict() for m, array in one.measures.items()}
            maps.append(
                {
                    "name": name,
                    "grid": list(grid),
                    "who": who,
                    "measures": measures,
                    "threshold": one.threshold if np.isfinite(one.threshold) else None,
                }
            )
        differences += [
            _difference(name, measure, against, scored["trained"], scored[against], people)
            for measure in masks.MEASURES
            for against in REFERENCES
        ]
    last = next(reversed(seen["trained"]))
    rows = chosen(found, arrays[f"{last}/auc/trained"])
    record = {
        "clip": length,
        "tracklets": len(found),
        "frames": len(found) * length,
        "what": f"the clip of {length} consecutive frames around the middle of every test tracklet of a known person",
        "maps": maps,
        "differences": differences,
        "pictures": pictures([found[row] for row in rows], {k: v[rows] for k, v in seen["trained"].items()}, store),
    }
    return Explained(record, arrays)


def chosen(found: list[Scene], scores: NDArray[np.float64]) -> list[int]:
    """Clips to be shown, by rule: the worst, middle and best one, the largest bag, the most hidden person."""
    seen = [int(row) for row in np.argsort(scores, kind="stable") if np.isfinite(scores[row])]
    picks = [seen[0], seen[len(seen) // 2], seen[-1]] if seen else []
    for region in ("bag", "occluder"):
        areas = np.array([getattr(scene.regions, region).mean() for scene in found])
        areas[picks] = -1
        picks.append(int(areas.argmax()))
    return list(dict.fromkeys(picks))[:PICTURED]


@torch.inference_mode()
def _masks(
    network: Explains,
    found: list[Scene],
    store: FrameStore,
    normalise: Normalisation,
    device: str,
    precision: Precision,
) -> dict[str, NDArray[np.float64]]:
    """Masks of all clips by map, ``[N, T, h, w]``."""
    parts: dict[str, list[NDArray[np.float64]]] = {}
    length = len(found[0].frames)
    size = max(1, frames_per_batch(store.size) // length)
    for start in range(0, len(found), size):
        some = found[start : start + size]
        pixels = np.stack([store.clip(scene.row, scene.frames) for scene in some])  # [B, T, H, W, 3]
        clips = to_tensor(torch.from_numpy(pixels).to(device), normalise)
        whole = torch.ones(len(some), length, dtype=torch.bool, device=device)
        with autocast(device, precision):
            maps = network.explain(clips, whole)
        for name, values in maps.items():
            if values.ndim == 4:
                parts.setdefault(name, []).append(values.double().cpu().numpy())
    return {name: np.concatenate(each) for name, each in parts.items()}


def _difference(
    name: str, measure: str, against: str, mask: masks.MapScores, reference: masks.MapScores, people: NDArray[np.int64]
) -> dict[str, Any]:
    """The trained mask minus its reference; the verdict is on whether it is better, which on background is less."""
    ours, theirs = mask.measures[measure], reference.measures[measure]
    about = masks.compare(measure, ours, theirs, people).difference.as_dict()
    more, less = (theirs, ours) if measure.startswith(LESS_IS_BETTER) else (ours, theirs)
    better = masks.compare(measure, more, less, people)
    return {"name": name, "measure": measure, "against": against, **about, "verdict": better.verdict}


def explain_step(run: ArmRun, last: PlannedStage, config: JobConfig) -> Step:
    """The step that holds an arm's masks against the truth of the test half."""
    return weights_step(STEP, run, last, config)


def _planned(given: MeasurementInput) -> Step | None:
    if not given.of_raw or not has_truth(given.data.raw):
        return None
    return explain_step(given.run, given.last, given.config)


def _measure(given: MeasurementInput) -> Explained | None:
    trained = given.trained()
    if not isinstance(trained, Explains):
        return None
    data, last = given.data, given.last
    initial = stage.build_method(last.run, data.raw.num_train_ids, last.seed, last.size, data.device, last.precision)
    return explain(
        trained,
        initial.eval(),
        data.raw,
        data.raw_store("test", last.size, resize=last.resize),
        normalise=last.stage.normalise,
        device=data.device,
        precision=last.precision,
    )


MEASUREMENT = Measurement("masks", _planned, _measure, order=20)
