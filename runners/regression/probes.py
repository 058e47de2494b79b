"""Exact checks of what lies between the files and the score, for faults that accuracy alone would not show.

A red channel that is swapped with the blue one in training and at test costs next to nothing; a frame too many, or one
dropped in every tracklet, is lost in the noise of a second training. So the running code itself is asked, without any
training: which frames it draws for training and feeds at test, what the pixels are like when they reach a network, and
what seeded networks make of fixed clips.
"""

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import protocols
from datasets.frames.decoded import FrameStore
from datasets.sampling import clips
from datasets.seeding import generator
from methods.interface import FrameThenTime
from protocols.interface import Protocol
from runners.evaluation import encode_variants
from runners.evaluation.encode import EncodedTestSet, TestInputs
from runners.pipeline.job import Job
from runners.plan.plan import plan_stages
from runners.plan.plan_types import ArmRun, PlannedStage
from runners.regression.baseline import Probe
from runners.regression.probe_networks import (
    NAMES,
    NumberedFrames,
    ProbeNetworkAnyClip,
    ProbeNetworkClips,
    ProbeNetworkFixedClip,
    ProbeNetworkFrames,
    ProbeNetworkFrameThenTime,
    ProbeNetworkImageAndClip,
    ProbeNetworkRows,
    unsettled,
)
from runners.training import frame_features
from runners.training.batches import BatchStream
from runners.training.sources import PixelSource
from runners.training.stage import build_method

LENGTHS = np.array([1, 2, 3, 4, 5, 7, 8, 9, 13, 15, 16, 17, 24, 31, 32, 33, 40, 64, 65])
CLIPS = (1, 4, 8, 16)
PIXELS = 2e-5  # instruction sets differ by some 1e-7 in a mean over many pixels
NETWORKS = 2e-4  # and by some 1e-6 after a deep network
_TRACKLETS = 12  # of which pixels are looked at
_STEPS = 3  # batches of which frames are looked at


def probe_house() -> dict[str, Probe]:
    """What no job decides: every sampling rule, and what every protocol feeds, also those of no job."""
    found = rules()
    for name in protocols.names():
        found |= fed_at_test(protocols.load(name))
    return found


def probe_job(job: Job, runs: Sequence[ArmRun], paper: str, seed: int, work: Path) -> dict[str, Probe]:
    """What one job decides: pixels at training and at test, losses, and what its networks answer.

    Args:
        job: of which nothing is trained here.
        runs: its arms.
        paper: for the probes' names.
        seed: of batches and initial weights.
        work: for what is written on the way.
    """
    found: dict[str, Probe] = {}
    stages: dict[str, PlannedStage] = {}
    for run in runs:
        chain = plan_stages(run, seed, job.config)
        last = chain[-1]
        for planned in chain:
            stages[f"{paper}/{planned.run.text} {planned.stage.name}"] = planned
        store = _some(job, "test", last)
        crop = "" if last.crop == 1 else f", centre of {last.crop:g}"
        found[f"pixels: decoded{crop}"] = _of_frames(store)
        found[f"pixels: features at test, {last.stage.normalise}{crop}"] = _named(
            _features(ProbeNetworkFrames(), store, last, work)
        )
        found |= _clips_at_test(store, job.protocol, last, crop)
        found[f"network: {paper}/{run.text}"] = _descriptors(job, last, store, work)
    for name, planned in stages.items():
        found |= _training(job, planned, name)
    return found


def rules() -> dict[str, Probe]:
    """Frames that every sampling rule draws in tracklets of fixed lengths."""
    found = {}
    for name, rule in clips.RULES.items():
        digest = hashlib.sha256()
        for length in LENGTHS:
            for clip in CLIPS:
                drawn = rule(int(length), clip, generator("probe", name, int(length), clip))
                _eat(digest, drawn.indices, drawn.mask)
        found[f"frames: rule {name}"] = Probe(digest.hexdigest()[:16])
    return found


def fed_at_test(protocol: Protocol) -> dict[str, Probe]:
    """Frames that a protocol feeds to networks of every kind, and how it averages them."""
    found = {}
    kinds: dict[str, type[ProbeNetworkRows]] = {
        "frame by frame": ProbeNetworkFrameThenTime,
        "clips": ProbeNetworkAnyClip,
        "clips of 4": ProbeNetworkFixedClip,
        "images and clips": ProbeNetworkImageAndClip,
    }
    for words, kind in kinds.items():
        if "whole-sequence" in protocol.requires and kind is ProbeNetworkFixedClip:
            continue  # it would be rejected
        store = NumberedFrames(LENGTHS)
        spy = kind(store)
        features = np.arange(int(LENGTHS.sum()), dtype=np.float32)[:, None]
        known = features if kind is ProbeNetworkFrameThenTime else None
        encoded = encode_variants.encode_under_protocol(
            spy.eval(), protocol, TestInputs(store, known, "half", "cpu", "fp32", "probe")
        )
        digest = hashlib.sha256()
        for seen in sorted(spy.seen):
            digest.update(np.array([len(seen), *seen], dtype=np.int64).tobytes())
        name = f"at test, {protocol.name}, {words}"
        found[f"frames: {name}"] = Probe(digest.hexdigest()[:16])
        found[f"means: {name}"] = Probe("", _means(encoded), 1e-5)
    return found


def _means(encoded: EncodedTestSet) -> dict[str, float]:
    parts = {"video": encoded.video}
    if encoded.image is not None:
        parts["image"] = encoded.image
    if encoded.by_variant is not None:
        parts |= encoded.by_variant.features
        parts |= {f"{name}, answers": rows for name, rows in encoded.by_variant.gallery.items()}
    return {
        f"{part}, {what}": float(value)
        for part, rows in parts.items()
        for what, value in (
            ("mean", rows.astype(np.float64).mean()),
            ("by length", (rows.astype(np.float64).sum(axis=1) * np.arange(len(rows))).mean()),
        )
    }


def _some(job: Job, part: str, planned: PlannedStage) -> FrameStore:
    """The first tracklets of one half, as the job decodes them."""
    crop = planned.crop if part == "test" else 1.0
    raw = (
        job.versions.raw_store("test", planned.size, crop, planned.resize)
        if part == "test"
        else job.versions.store("train", planned.size, planned.data, resize=planned.resize)
    )
    lengths = raw.lengths[:_TRACKLETS]
    return FrameStore(
        lengths, raw.size, frames=np.array(raw.flat()[: int(lengths.sum())]), crop=crop, resize=raw.resize
    )


def _named(seen: NDArray[np.float32]) -> Probe:
    """What an eye saw ``[N, 12]``."""
    return Probe("", dict(zip(NAMES, seen.astype(np.float64).mean(axis=0).tolist(), strict=True)), PIXELS)


def _of_frames(store: FrameStore) -> Probe:
    """Statistics of decoded pixels, in whole grey values."""
    frames = store.flat().astype(np.float64) / 255
    return Probe("", _statistics(torch.from_numpy(frames).movedim(-1, -3).float()), PIXELS)


def _statistics(images: torch.Tensor) -> dict[str, float]:
    """``[N, 3, H, W]`` -> the mean of what `ProbeNetworkFrames` sees."""
    seen = ProbeNetworkFrames().frame_features(images).double().mean(dim=0)
    return dict(zip(NAMES, seen.tolist(), strict=True))


def _features(network: FrameThenTime, store: FrameStore, planned: PlannedStage, work: Path) -> NDArray[np.float32]:
    """Frame features as the job extracts them."""
    folder = work / "probe"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    frame_features.extract_frame_features(
        network, store, planned.stage.normalise, device="cpu", precision="fp32", folder=folder, title="probe pixels"
    )
    features: NDArray[np.float32] = np.load(folder / "features.npy")
    shutil.rmtree(folder)
    return features


def _clips_at_test(store: FrameStore, protocol: Protocol, planned: PlannedStage, crop: str) -> dict[str, Probe]:
    """What reaches a network that takes clips under a protocol."""
    normalise = planned.stage.normalise
    encoded = encode_variants.encode_under_protocol(
        ProbeNetworkClips().eval(), protocol, TestInputs(store, None, normalise, "cpu", "fp32", "probe pixels")
    )
    numbers = dict(zip(NAMES, encoded.video.astype(np.float64).mean(axis=0).tolist(), strict=True))
    if encoded.image is not None:
        image = encoded.image.astype(np.float64).mean(axis=0).tolist()
        numbers |= {f"image: {name}": value for name, value in zip(NAMES, image, strict=True)}
    return {f"pixels: clips at test, {protocol.name}, {normalise}{crop}": Probe("", numbers, PIXELS)}


def _training(job: Job, planned: PlannedStage, name: str) -> dict[str, Probe]:
    """Frames, pixels and losses of a stage's first batches."""
    if planned.stage.domain != "target" or planned.stage.seen != "all":
        return {}  # other data than the job's own are none of the matrix's
    training_data = job.versions.training_data(planned)
    batches = BatchStream(planned.stage, training_data.store.lengths, training_data.labels, seed=planned.seed)
    digest = hashlib.sha256()
    for step in range(_STEPS):
        picks = batches.picks(step)
        _eat(digest, picks.tracklets, picks.frames, picks.mask, picks.labels)
    picks = batches.picks(0)
    source = PixelSource(training_data.store, planned.stage, planned.seed, "cpu", "fp32", training_data.targets)
    with torch.inference_mode():
        batch = source.fetch(picks)
        network = ProbeNetworkClips(seen=[])
        source.losses(network, batch, picks, ())
        assert network.seen is not None  # it was given a list
        pixels = _statistics(network.seen[0])
        losses = _losses(job, planned, source, batch, picks)
    return {
        f"frames: training, {name}": Probe(digest.hexdigest()[:16]),
        f"pixels: training, {name}": Probe("", pixels, PIXELS),
        f"losses: {name}": Probe("", losses, NETWORKS),
    }


def _losses(job: Job, planned: PlannedStage, source: PixelSource, batch: Any, picks: Any) -> dict[str, float]:
    network = build_method(planned.run, job.config.num_ids, planned.seed, planned.size, "cpu", "fp32")
    unsettled(network, planned.run.arm.method)
    wanted = [name for turn in planned.stage.all_turns for name in turn.losses]
    named = source.losses(network.eval(), batch, picks, tuple(dict.fromkeys(wanted)))
    return {name: float(value) for name, value in named.items()}


def _descriptors(job: Job, last: PlannedStage, store: FrameStore, work: Path) -> Probe:
    """What a seeded network, untrained but with every part of it awake, makes of fixed frames."""
    network = build_method(last.run, job.config.num_ids, 0, last.size, "cpu", "fp32").eval()
    unsettled(network, last.run.arm.method)
    features = _features(network, store, last, work) if isinstance(network, FrameThenTime) else None
    inputs = TestInputs(store, features, last.stage.normalise, "cpu", "fp32", "probe networks")
    encoded = encode_variants.encode_under_protocol(network, job.protocol, inputs)
    numbers = _sketch("video", encoded.video)
    if encoded.image is not None:
        numbers |= _sketch("image", encoded.image)
    return Probe("", numbers, NETWORKS)


def _sketch(part: str, rows: NDArray[np.float32]) -> dict[str, float]:
    """A few numbers that any change of descriptors ``[N, D]`` moves: fixed random projections, scaled to about 1."""
    table = rows.astype(np.float64)
    table = table / max(float(np.sqrt((table**2).mean())), 1e-12)
    count, dim = table.shape
    draws = generator("probe", "sketch", count, dim).standard_normal((6, count, dim)) / np.sqrt(count * dim)
    sketch = (draws * table).sum(axis=(1, 2)) * np.sqrt(len(draws))
    numbers = {f"{part}, projection {i + 1}": float(value) for i, value in enumerate(sketch)}
    return numbers | {f"{part}, log scale": float(np.log(max(float(np.sqrt((rows**2).mean())), 1e-12)))}


def _eat(digest: Any, *parts: NDArray[Any]) -> None:
    for part in parts:
        digest.update(np.array(part.shape, dtype=np.int64).tobytes())
        digest.update(np.ascontiguousarray(part).astype(np.int64).tobytes())
