"""How a network weighs the frames of a tracklet, held against how much of the person each frame truly shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from datasets.frames.decoded import FrameStore
from datasets.images.transforms import Normalisation, to_tensor
from datasets.sampling.snippets import snippets
from datasets.synthwalk.truth import load_truth
from datasets.tracklet import Split, Tracklet
from methods.interface import Explains, ExplainsFeatures, FixedClip, FrameThenTime
from protocols.errors import ProtocolError
from protocols.ground_truth import frame_weights
from runners.errors import RunError
from runners.evaluation.clip_batches import in_batches
from runners.ground_truth.interface import Measurement, MeasurementInput, has_truth
from runners.ground_truth.overlays import data_uri
from runners.plan.environment import Precision
from runners.plan.plan_types import ArmRun, JobConfig, PlannedStage
from runners.plan.result_steps import weights_step
from runners.plan.step_store import Step
from runners.progress import note, step_bar
from runners.training import stage
from runners.training.frame_features import Floats as Features
from runners.training.frame_features import frames_per_batch
from runners.training.frame_pass import FramePass
from runners.training.sources import autocast

STEP = "weigh"
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MEAN_MAP = "frames"
PICTURED = 6  # tracklets that are shown
SHOWN = 10  # frames of each
VARIED = 0.2  # difference in visible share from which a tracklet is worth a look
_RULE = (
    f"Chosen by rules among the tracklets whose best and worst frame differ by at least {VARIED:g} in visible share: "
    "the worst, the middle and the best rank correlation, then those whose visible share differs most. Up to "
    f"{SHOWN} evenly spread frames of each; weights are shared out among the frames that are shown."
)


@dataclass(frozen=True)
class Weighed:
    """What is recorded of how frames are weighed.

    Attributes:
        record: as in ``weights.json`` (`reports.records.frame_weights`).
        arrays: ``person`` and ``key`` ``[N]``, and ``<map>/<measure>`` ``[N]``, NaN where it has no meaning.
    """

    record: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


@dataclass(frozen=True)
class TrackletVisibility:
    """The frames of one tracklet that were weighed, and what they show.

    Attributes:
        tracklet: whose frames.
        row: of the tracklet in the store.
        frames: ``[T]`` frame numbers.
        visible: ``[T]`` visible share of the person; NaN where there is none.
    """

    tracklet: Tracklet
    row: int
    frames: Ints
    visible: Floats

    @property
    def spread(self) -> float:
        """How much more of the person the best frame shows than the worst."""
        seen = self.visible[~np.isnan(self.visible)]
        return float(np.ptp(seen)) if len(seen) else 0.0


def weigh(
    network: nn.Module,
    split: Split,
    store: FrameStore,
    *,
    normalise: Normalisation,
    device: str,
    precision: Precision,
    names: Sequence[str] = (),
    features: Features | None = None,
) -> Weighed | None:
    """Hold every weighting of frames that a method shows against the truth, on the test half; None if it shows none.

    Args:
        network: in eval mode, satisfies `methods.interface.Explains`. It gets every test tracklet of a known person as
            a whole, in one pass; a `FixedClip` gets the clip around its middle, cut as snippets are. A clip that
            repeats frames of a short tracklet counts each as often as the network got it.
        split: a data set with truth.
        store: frames of ``split.test``.
        normalise: of pixels, as in training.
        device: such as ``cpu``.
        precision: as at test.
        names: of the groups behind the maps ``frames/1``, ``frames/2``, ...; a map keeps its number without.
        features: ``[F, d]`` of all frames of the store, for an `ExplainsFeatures`, in place of their pixels.

    Raises:
        RunError: weights that are no weights of the real frames, naming the map and the tracklet.
    """
    assert isinstance(network, Explains)  # asked for no other method
    length = network.clip_length if isinstance(network, FixedClip) else None
    found = tracklet_visibility(split, length)
    weights = _weights(network, found, store, normalise, device, precision, features)
    if not weights:
        return None
    weights = {_named(name, names): each for name, each in weights.items()}
    people = np.array([one.tracklet.person_id for one in found])
    arrays: dict[str, NDArray[Any]] = {"person": people, "key": np.array([one.tracklet.key for one in found])}
    maps = []
    for name, each in weights.items():
        measures = {}
        for measure, values in _measured(name, each, found).items():
            arrays[f"{name}/{measure}"] = values
            average = frame_weights.average(measure, values, people)
            measures[measure] = {**average.as_dict(), "people": average.people}
        maps.append({"name": name, "measures": measures})
    count = sum(len(one.frames) for one in found)
    note(f"weights of frames: {', '.join(weights)} of {count:,} frames held against the truth")
    what = "every test tracklet of a known person, whole and in one pass"
    if length is not None:
        what = f"the clip of {length} consecutive frames around the middle of every test tracklet of a known person"
    first = MEAN_MAP if MEAN_MAP in weights else next(iter(weights))
    rows = chosen(found, arrays[f"{first}/correlation"])
    record = {
        "tracklets": len(found),
        "people": len(np.unique(people)),
        "frames": count,
        "what": what,
        "maps": maps,
        "pictures": {
            "size": list(store.size),
            "rule": _RULE,
            "rows": [_pictured(found[row], {n: each[row] for n, each in weights.items()}, store) for row in rows],
        },
    }
    return Weighed(record, arrays)


def tracklet_visibility(split: Split, length: int | None) -> list[TrackletVisibility]:
    """Every test tracklet of a known person with its truth.

    Args:
        split: a data set with truth.
        length: of the middle clip; None takes whole tracklets.
    """
    found = []
    for row, tracklet in enumerate(split.test):
        if tracklet.person_id <= 0:
            continue
        frames = np.arange(len(tracklet))
        if length is not None:
            clips = snippets(len(tracklet), length, "loop").indices
            frames = clips[(len(clips) - 1) // 2]
        visible = load_truth(split.root, tracklet.key).visible[frames]
        found.append(TrackletVisibility(tracklet, row, frames, visible.astype(np.float64)))
    return found


def chosen(found: list[TrackletVisibility], correlations: Floats) -> list[int]:
    """Tracklets to be shown, by rule: worst, middle and best correlation, then the most varied visibility."""
    spreads = np.array([one.spread for one in found])
    seen = [
        int(row)
        for row in np.argsort(correlations, kind="stable")
        if np.isfinite(correlations[row]) and spreads[row] >= VARIED
    ]
    picks = [seen[0], seen[len(seen) // 2], seen[-1]] if seen else []
    picks += sorted(seen, key=lambda row: -spreads[row])
    return list(dict.fromkeys(picks))[:PICTURED]


@torch.inference_mode()
def _weights(
    network: Explains,
    found: list[TrackletVisibility],
    store: FrameStore,
    normalise: Normalisation,
    device: str,
    precision: Precision,
    features: Features | None,
) -> dict[str, list[Floats]]:
    """Weights by map, of each tracklet ``[T]``; tracklets of like length go together."""
    lengths = np.array([len(one.frames) for one in found])
    kept: dict[str, list[Floats]] = {}
    with step_bar("weights of frames", int(lengths.sum()), "frames") as bar:
        for batch in in_batches(lengths, frames_per_batch(store.size)):
            some = [found[row] for row in batch]
            longest = int(lengths[batch].max())
            places = [np.minimum(np.arange(longest), len(one.frames) - 1) for one in some]  # padding: the last frame
            mask = torch.from_numpy(np.arange(longest) < lengths[batch, None]).to(device)
            if features is not None:
                assert isinstance(network, ExplainsFeatures)  # features are given for no other
                rows = np.stack([store.offsets[one.row] + one.frames[at] for one, at in zip(some, places, strict=True)])
                with autocast(device, "tf32" if precision == "tf32" else "fp32"):  # as arms are aggregated
                    maps = network.explain_features(torch.from_numpy(features[rows]).to(device), mask)
            else:
                pixels = np.stack([store.clip(one.row, one.frames[at]) for one, at in zip(some, places, strict=True)])
                clips = to_tensor(torch.from_numpy(pixels).to(device), normalise)  # [B, T, 3, H, W]
                with autocast(device, precision):
                    maps = network.explain(clips, mask)
            shown = {name: each for name, each in maps.items() if name == MEAN_MAP or name.startswith(f"{MEAN_MAP}/")}
            for name, values in shown.items():
                if values.shape != mask.shape:
                    raise RunError(
                        f"explain gives {name} of shape {tuple(values.shape)} for {tuple(mask.shape)} frames; weights "
                        "of frames are one for each frame: see Explains in methods/interface.py"
                    )
                each = kept.setdefault(name, [np.empty(0)] * len(found))
                for row, weights in zip(batch, values.double().cpu().numpy(), strict=True):
                    each[row] = weights[: lengths[row]]
            if not shown:
                return {}
            bar.update(int(lengths[batch].sum()))
    return kept


def _named(name: str, names: Sequence[str]) -> str:
    number = name.removeprefix(f"{MEAN_MAP}/")
    if number.isdecimal() and len(number) < 10 and 1 <= int(number) <= len(names):
        return f"{MEAN_MAP}/{names[int(number) - 1]}"
    return name


def _measured(name: str, weights: list[Floats], found: list[TrackletVisibility]) -> dict[str, Floats]:
    """Both measures of one map, ``[N]``."""
    rows = []
    for one, given in zip(found, weights, strict=True):
        try:
            pair = frame_weights.rank_correlation(given, one.visible), frame_weights.gain(given, one.visible)
        except ProtocolError as error:
            raise RunError(f"{name} of tracklet {one.tracklet.key}: {error}") from error
        rows.append(pair)
    table = np.array(rows)  # [N, 2]
    return dict(zip(frame_weights.MEASURES, table.T, strict=True))


def _pictured(one: TrackletVisibility, weights: dict[str, Floats], store: FrameStore) -> dict[str, Any]:
    count = len(one.frames)
    at = np.unique(np.linspace(0, count - 1, min(count, SHOWN)).round().astype(np.int64))
    return {
        "key": one.tracklet.key,
        "person": one.tracklet.person_id,
        "of_frames": count,
        "numbers": [int(number) for number in one.frames[at]],
        "frames": [data_uri(frame) for frame in store.clip(one.row, one.frames[at])],
        "visible": [None if np.isnan(share) else float(share) for share in one.visible[at]],
        "weights": {name: _shared(each[at]) for name, each in weights.items()},
    }


def _shared(weights: Floats) -> list[float]:
    """Weights that sum to 1; equal ones where none of the frames has any."""
    total = weights.sum()
    return [float(weight) for weight in (weights / total if total > 0 else np.full(len(weights), 1 / len(weights)))]


def weigh_step(run: ArmRun, last: PlannedStage, config: JobConfig) -> Step:
    """The step that holds an arm's weights of frames against how much of the person they show."""
    return weights_step(STEP, run, last, config, crop=last.crop)


def _planned(given: MeasurementInput) -> Step | None:
    if not given.of_raw or not has_truth(given.data.raw):
        return None
    return weigh_step(given.run, given.last, given.config)


def _measure(given: MeasurementInput) -> Weighed | None:
    trained = given.trained()
    if not isinstance(trained, Explains):
        return None
    data, last = given.data, given.last
    store = data.raw_store("test", last.size, last.crop, last.resize)
    features = None
    if isinstance(trained, FrameThenTime) and isinstance(trained, ExplainsFeatures):  # extracted to score the arm
        frames = FramePass.of(last, data.raw, "test", store, data.device)
        features = stage.load_features(stage.frame_features(trained, frames, data.steps))
    return weigh(
        trained,
        data.raw,
        store,
        normalise=last.stage.normalise,
        device=data.device,
        precision=last.precision,
        names=[group.name for group in last.labels.groups] if last.labels else [],
        features=features,
    )


MEASUREMENT = Measurement("frame_weights", _planned, _measure, order=30)
