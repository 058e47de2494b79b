"""What a repairer restored, held against the truth of a rendered data set, as the network that scores regions sees it.

Measured are the *occluded frames* of known people in the test half: those with a region that shows less than 70 % of
the person's pixels in it, the same rule by which a call of that region is right or wrong. Inside them every pixel with
something in front counts, whether or not it was called or changed. Every frame that a repairer left as it was keeps
the raw frame's values bit by bit. A person is known by up to eight unoccluded frames of each other tracklet.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.frames.decoded import FrameStore
from datasets.synthwalk.truth import HIDDEN, load_truth
from datasets.tracklet import Split, lengths
from methods.interface import ScoresRegions
from protocols.ground_truth import occlusion, restoration
from protocols.ground_truth.restoration import MEASURES
from runners.errors import RunError
from runners.ground_truth.restoration_frames import EmbeddingNet, Sums, measure
from runners.ground_truth.restoration_pictures import Shown, pictures
from runners.ground_truth.restoration_reference import Reference, build_reference, check_store, visible_regions

__all__ = ["Reference", "RepairedFrames", "Restored", "build_reference", "detect", "restore"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Bytes = NDArray[np.uint8]

RULE = (
    f"a region of a known person's frame is occluded where less than {HIDDEN:.0%} of the person's pixels in it can be "
    "seen; regions without a pixel of the person are left out"
)


@dataclass(frozen=True)
class Restored:
    """What is recorded of a repair.

    Attributes:
        record: as in ``repair.json`` (`reports.records.restoration`).
        arrays: ``person`` and ``key`` ``[N]``, ``<measure>/repaired`` and ``<measure>/raw`` ``[N]``.
    """

    record: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


@dataclass(frozen=True)
class RepairedFrames:
    """All frames of the same tracklets, repaired.

    Attributes:
        frames: ``[F, H, W, 3]``.
        changed: ``[F, H, W]``, the pixels that the repairer painted.
        calls: ``[F, K]`` the regions that were called occluded; None where nobody called any. For the pictures a frame
            that was changed is then one that was called.
    """

    frames: Bytes
    changed: Bools
    calls: Bools | None = None


def restore(
    source: Split,
    raw: FrameStore,
    repaired: RepairedFrames,
    reference: Reference,
    net: EmbeddingNet,
    about: Mapping[str, Any],
) -> Restored:
    """Hold repaired test frames against the truth and beside the raw ones.

    Args:
        source: the rendered data set that was repaired.
        raw: its test frames as they are.
        repaired: the same frames, repaired.
        reference: of the raw frames, from `build_reference`.
        net: the scoring network that the reference was built with.
        about: ``repairer``, ``label``, ``options``, ``seed`` and ``calls`` of the record.

    Raises:
        RunError: arrays of other frames or of another size.
    """
    check_store(source, raw)
    frames, changed, calls = int(raw.offsets[-1]), repaired.changed, repaired.calls
    if repaired.frames.shape != (frames, *raw.size, 3) or changed.shape != (frames, *raw.size):
        raise RunError(
            f"repaired frames {repaired.frames.shape} and changed pixels {changed.shape} do not fit the {frames} raw "
            f"frames of {raw.size[0]}x{raw.size[1]}; repair the same frames at the same size."
        )
    if calls is not None and len(calls) != frames:
        raise RunError(f"{len(calls)} frames have calls, but there are {frames}; score the frames of this store.")
    people = np.array([source.test[row].person_id for row in reference.tracklets], dtype=np.int64)
    keys = np.array([source.test[row].key for row in reference.tracklets], dtype=np.str_)
    touched = changed.reshape(frames, -1).any(axis=1)
    record: dict[str, Any] = {
        **about,
        "frames": int(reference.occluded.sum()),
        "tracklets": len(reference.tracklets),
        "people": len(np.unique(people)),
        "changed": {
            "frames": int(touched.sum()),
            "of_frames": frames,
            "pixel_share": float(changed.mean()),
            "left_out": 0,
            "kept_whole": 0,
        },
        "measures": None,
        "raw": None,
        "differences": None,
        "detection": None,
        "pictures": None,
    }
    arrays: dict[str, NDArray[Any]] = {"person": people, "key": keys}
    if not len(reference.tracklets):
        return Restored(record, arrays)
    rows, owner = reference.rows[reference.occluded], reference.owner[reference.occluded]
    painted, before = np.asarray(repaired.frames[rows]), np.asarray(raw.flat()[rows])
    other = np.flatnonzero((painted != before).any(axis=(1, 2, 3)))
    title = f"measure {about['repairer']}"
    sums = reference.raw.with_rows(
        other, measure(painted[other], reference.measured.rows(other), reference.people, net, title)
    )
    ours, theirs = _values(reference, sums), _values(reference, reference.raw)
    ours["spill_psnr"], theirs["spill_psnr"] = _spill(reference, repaired.frames, raw.flat(), changed)
    for name in MEASURES:
        arrays |= {f"{name}/repaired": ours[name], f"{name}/raw": theirs[name]}
    record["measures"] = {m: restoration.as_record(restoration.average(m, ours[m], people)) for m in MEASURES}
    record["raw"] = {m: restoration.as_record(restoration.average(m, theirs[m], people)) for m in MEASURES}
    record["differences"] = {m: restoration.compare(m, ours[m], theirs[m], people).as_dict() for m in MEASURES}
    record["pictures"] = pictures(
        Shown(
            tracklets=owner,
            keys=keys[owner],
            persons=people[owner],
            numbers=reference.numbers[reference.occluded],
            hidden=reference.hidden[reference.occluded],
            called=np.asarray((changed if calls is None else calls)[rows].reshape(len(rows), -1).any(axis=1)),
            gains=_decibels(reference, sums) - _decibels(reference, reference.raw),
            occluded=before,
            repaired=painted,
            truth=reference.measured.truth,
        )
    )
    return Restored(record, arrays)


def detect(
    source: Split, scores: NDArray[np.floating[Any]], scorer: ScoresRegions, tau: float | None = None
) -> dict[str, Any] | None:
    """How well region scores find what is truly occluded.

    Args:
        source: a rendered data set with truth.
        scores: ``[F, K]`` of all frames of ``source.test``, in that order.
        scorer: whose scores they are.
        tau: a region is called occluded below it; None for the scorer's own threshold.

    Returns:
        ``detection`` of the record; None where known people have no occluded or no unoccluded region.

    Raises:
        RunError: scores of other frames or regions.
    """
    counts = lengths(source.test)
    offsets = np.cumsum([0, *counts])
    if scores.ndim != 2 or len(scores) != offsets[-1]:
        raise RunError(f"region scores are {scores.shape} for {offsets[-1]} test frames; score this data set.")
    parts = []
    for row, tracklet in enumerate(source.test):
        if tracklet.person_id <= 0:
            continue
        visible = visible_regions(load_truth(source.root, tracklet.key), scorer)
        found = np.asarray(scores[offsets[row] : offsets[row + 1]], dtype=np.float64)
        if found.shape != visible.shape:
            raise RunError(
                f"frames of {tracklet.key} have {found.shape[1]} region scores, but the scorer knows "
                f"{visible.shape[1]} regions; score this data set with it."
            )
        parts.append((visible.ravel(), found.ravel(), np.full(visible.size, tracklet.person_id)))
    if not parts:
        return None
    visible, found, people = (np.concatenate(kind) for kind in zip(*parts, strict=True))
    there = np.isfinite(visible)
    occluded = visible[there] < HIDDEN
    if occluded.all() or not occluded.any():
        return None
    threshold = scorer.region_threshold if tau is None else tau
    detected = occlusion.detection(found[there], occluded, people[there], threshold)
    return {"rule": RULE, "excluded": int((~there).sum()), **detected.as_dict()}


def _values(reference: Reference, sums: Sums) -> dict[str, Floats]:
    """The measures of each tracklet ``[N]``, pooled over its occluded frames; all but the spill."""
    owner, count = reference.owner[reference.occluded], len(reference.tracklets)

    def pooled(values: Floats) -> Floats:
        return np.bincount(owner, weights=values, minlength=count).astype(np.float64)

    pixels = pooled(_pixels(reference))
    distances, cells = (
        np.stack([pooled(part) for part in each.T], axis=1) for each in (sums.distances, sums.cells)
    )  # [N, 3]
    return {
        "psnr": restoration.decibels(pooled(sums.errors), 3 * pixels),
        "ssim": pooled(sums.similarity) / pixels,
        "feature_distance": restoration.layer_mean(distances, cells),
        "identity": pooled(sums.hits) / pooled(np.ones(len(owner))),
    }


def _spill(reference: Reference, repaired: Bytes, raw: Bytes, changed: Bools) -> tuple[Floats, Floats]:
    """PSNR ``[N]`` of what was changed with nothing in front of it, repaired and raw; NaN where there is no such pixel.

    Over all frames of the measured tracklets, the unoccluded ones among them.
    """
    found = []
    outside = changed[reference.rows] & ~reference.front
    at = np.flatnonzero(outside.any(axis=(1, 2)))
    for frames in (repaired, raw):
        sums, counts = restoration.squared_errors(
            np.asarray(frames[reference.rows[at]]), reference.truth[at], outside[at]
        )
        pooled = (
            np.bincount(reference.owner[at], weights=part, minlength=len(reference.tracklets))
            for part in (sums, counts)
        )
        found.append(restoration.decibels(*pooled))
    return found[0], found[1]


def _pixels(reference: Reference) -> Floats:
    """``[M]`` pixels with something in front."""
    return np.asarray(reference.measured.front.sum(axis=(1, 2)), dtype=np.float64)


def _decibels(reference: Reference, sums: Sums) -> Floats:
    """``[M]`` PSNR of each occluded frame alone."""
    return restoration.decibels(sums.errors, 3 * _pixels(reference))
