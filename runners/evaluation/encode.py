"""What a protocol feeds to a method, and the descriptors that come back.

Whole tracklets in one pass, or snippets whose descriptors are averaged; videos, and where a protocol has sides, single
images too. One extraction serves every side and both ways of averaging.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from datasets.files.prefetch import ahead
from datasets.frames.decoded import FrameStore
from datasets.frames.subset import Frames
from datasets.images.transforms import Normalisation, to_tensor
from datasets.sampling.clips import chunked
from datasets.sampling.snippets import snippets as cut_tracklet
from methods.interface import FixedClip, FrameThenTime, ImageAndVideo
from methods.layers.resnet import beginning_behind
from protocols.interface import Protocol
from protocols.test_time.inputs import Chunks, Snippets, Variants, WholeSequence
from protocols.test_time.variants import Choice
from protocols.vocabulary import MEANS, Mean
from runners.errors import RunError
from runners.evaluation.clip_batches import in_batches
from runners.evaluation.descriptor_set import Writer
from runners.plan.environment import Precision
from runners.progress import step_bar
from runners.training.frame_features import Floats, TrunkMaps, frames_per_batch
from runners.training.sources import autocast, laid_out

Ints = NDArray[np.int64]
Orders = list[Ints]
_FEATURES_A_BATCH = 8192  # frame features that an aggregation sees at once


@dataclass(frozen=True)
class TestInputs:
    """How frames reach a network at test time; `features` of all frames take the place of pixels where they are known.

    Attributes:
        store: the frames.
        features: ``[F, d]`` of a `FrameThenTime` method, or None.
        normalise: of pixels, as in training.
        device: such as ``cpu``.
        precision: of the frame network.
        title: for the bar.
        orders: frame numbers of each tracklet in the order to feed them; the natural one if not given.
        passed: of known features, how many frames there are and how many were put through the trunk to get them; None
            where that was not counted.
        given: maps of the trunk's frozen part, of all frames, in place of pixels; a `FrameThenTime` has features.
        scratch: folder of this very network and data, where clips are kept until the work is done, so that a run that
            is killed goes on; without one they are in memory only.
    """

    store: Frames
    features: Floats | None
    normalise: Normalisation
    device: str
    precision: Precision
    title: str
    orders: Orders | None = None
    scratch: Path | None = None
    passed: tuple[int, int | None] | None = None
    given: TrunkMaps | None = None


@dataclass(frozen=True)
class VariantDescriptors:
    """Descriptors of all test tracklets under each of a protocol's choices.

    Attributes:
        headline: the choice that stands for the arm.
        choices: those that were run, as the network takes them, in the protocol's order.
        not_run: the others, with the reason.
        features: name of a choice -> ``[N, D]``.
        gallery: the same of gallery tracklets, for choices that feed these differently.
        clips, fed: name -> number of clips, and of real frames in them, over all tracklets.
        frames: test frames.
        trunk_frames: how many frames were put through the trunk for all choices together; None if not counted.
        once: whether frames are encoded alone, and so once for all choices.
    """

    headline: str
    choices: tuple[Choice, ...]
    not_run: tuple[tuple[Choice, str], ...]
    features: dict[str, Floats]
    gallery: dict[str, Floats]
    clips: dict[str, int]
    fed: dict[str, int]
    frames: int
    trunk_frames: int | None
    once: bool


@dataclass(frozen=True)
class EncodedTestSet:
    """Descriptors of all test tracklets.

    Attributes:
        video: ``[N, D]``, of the protocol's headline.
        by_mean: ``[N, D]`` under each way of averaging the snippets; empty where tracklets are not cut.
        image: ``[N, D]`` of the first frames, or None where the protocol has no sides.
        fed: what a tracklet was to the network, in words.
        encoders: what encoded an ``I``mage and a ``V``ideo, in words.
        chosen: the same tracklets under each of the protocol's choices, where it lists some.
    """

    video: Floats
    by_mean: dict[Mean, Floats]
    image: Floats | None
    fed: str
    encoders: dict[str, str]
    by_variant: VariantDescriptors | None = None

    def of(self, which: str) -> Floats:
        """Descriptors of one half of a side's name, ``I`` or ``V``."""
        if which == "V":
            return self.video
        assert self.image is not None  # asked only under protocols with sides
        return self.image


@dataclass(frozen=True)
class Cut:
    """Clips of all tracklets, one after the other.

    Attributes:
        owner: ``[C]`` tracklet of each clip, never falling.
        frames: ``[C, T]`` frame numbers within the tracklet.
        mask: ``[C, T]`` bool, true for real frames.
    """

    owner: Ints
    frames: Ints
    mask: NDArray[np.bool_]


def encode_test_set(method: nn.Module, protocol: Protocol, inputs: TestInputs) -> EncodedTestSet:
    """Encode every test tracklet as a protocol demands; one that lists choices is for `encode_variants`.

    Args:
        method: in eval mode, on the device of ``inputs``.
        protocol: must admit the method.
        inputs: where frames come from.

    Raises:
        RunError: the protocol lists choices.
    """
    by_mean: dict[Mean, Floats] = {}
    match protocol.feed:
        case Chunks():
            parts = method.clip_length if isinstance(method, FixedClip) else protocol.feed.parts
            video = _encode_cut(method, inputs, middles(inputs.store.lengths, parts))
            fed = f"{parts} frames, one from the middle of each of {parts} equal parts, in one pass"
        case WholeSequence():
            video = _encode_cut(method, inputs, whole(inputs.store.lengths))
            fed = "all frames of a tracklet in one pass"
        case Snippets():
            plan = plan_snippets(method, protocol.feed)
            cut = cut_all(inputs.store.lengths, plan)
            clips = _encode_cut(method, inputs, cut)
            by_mean = {mean: mean_of_clips(clips, cut, mean) for mean in MEANS}
            video = by_mean[plan.mean]
            fed = in_words(plan)
        case Variants():
            raise RunError(f"{protocol.name} feeds a tracklet in several ways; `encode_variants` encodes them all.")
    if not protocol.sides:
        return EncodedTestSet(video, by_mean, None, fed, {})
    image, words = _encode_images(method, inputs)
    own = "video network" if isinstance(method, ImageAndVideo) else "its only network"
    return EncodedTestSet(video, by_mean, image, fed, {"I": f"{words}, first frame", "V": f"{own}, {fed}"})


def plan_snippets(method: nn.Module, wanted: Snippets) -> Snippets:
    """The protocol's snippets; of a network of fixed clips its own length, looped, as it takes no padding."""
    if not isinstance(method, FixedClip):
        return wanted
    return Snippets(method.clip_length, "loop" if wanted.rest == "pad" else wanted.rest, wanted.mean)


def in_words(plan: Snippets) -> str:
    """Such as ``snippets of 4 frames, the last one looped, mean over clips``."""
    last = {
        "loop": "the last one filled with its own frames", "wrap": "the last one filled from the start",
        "repeat-last": "the last one filled with its last frame", "pad": "the last one may be shorter",
        "drop": "what is left over dropped",
    }[plan.rest]  # fmt: skip
    return f"clips of {plan.length} frames, {last}, mean over {plan.mean}"


def cut_all(lengths: Ints, plan: Snippets) -> Cut:
    """Cut tracklets of these lengths ``[N]``."""
    each = [cut_tracklet(int(n), plan.length, plan.rest) for n in lengths]
    owner = np.repeat(np.arange(len(each)), [len(clip.indices) for clip in each])
    return Cut(owner, np.concatenate([c.indices for c in each]), np.concatenate([c.mask for c in each]))


def whole(lengths: Ints) -> Cut:
    """Every tracklet as one clip, padded to the longest."""
    places = np.arange(lengths.max())
    frames = np.minimum(places, lengths[:, None] - 1)
    return Cut(np.arange(len(lengths)), frames, places < lengths[:, None])


def middles(lengths: Ints, parts: int) -> Cut:
    """Every tracklet as one clip of the middle frames of so many equal parts; short ones are repeated."""
    each = [chunked(int(n), parts, None) for n in lengths]
    return Cut(np.arange(len(each)), np.stack([c.indices for c in each]), np.stack([c.mask for c in each]))


def mean_of_clips(clips: Floats, cut: Cut, mean: Mean) -> Floats:
    """``[C, D]`` -> ``[N, D]``: clips count alike (``clips``), or by their number of real frames (``frames``)."""
    weights = cut.mask.sum(axis=1).astype(np.float64) if mean == "frames" else np.ones(len(clips))
    starts = np.flatnonzero(np.diff(cut.owner, prepend=-1))
    total = np.add.reduceat(clips * weights[:, None], starts, axis=0)
    return (total / np.add.reduceat(weights, starts)[:, None]).astype(np.float32)


@torch.inference_mode()
def _encode_cut(method: nn.Module, inputs: TestInputs, cut: Cut) -> Floats:
    """Descriptors of clips ``[C, D]``; clips of like length go together."""
    store = inputs.store
    frames = cut.frames
    if inputs.orders is not None:
        frames = np.stack([inputs.orders[owner][row] for owner, row in zip(cut.owner, frames, strict=True)])
    rows = store.offsets[cut.owner][:, None] + frames  # [C, T] rows of all frames
    real = cut.mask.sum(axis=1)
    most = frames_at_once(inputs)
    kept = descriptor_rows(inputs, len(cut.owner), width(method), b"clips", (cut.owner, cut.frames, cut.mask))
    done = int(real[kept.done].sum())
    missing = [batch for batch in in_batches(real, most) if not kept.done[batch].all()]
    wanted = [rows[batch, : int(real[batch].max())] for batch in missing]  # padding stands at the end
    with step_bar(inputs.title, int(real.sum()), "frames", done=done) as bar:
        for batch, some, pixels in zip(missing, wanted, pixels_ahead(inputs, wanted), strict=True):
            mask = torch.from_numpy(cut.mask[batch, : some.shape[1]]).to(inputs.device)
            answer = encode_clips(method, inputs, some, mask, pixels)
            kept.put(batch, answer.float().cpu().numpy())
            bar.update(int(real[batch].sum()))
    return kept.features


class DescriptorRows:
    """Rows as a `Writer` keeps them, for where nothing is to be gone on with."""

    def __init__(self, rows: int, dim: int) -> None:
        self.features: Floats = np.empty((rows, dim), dtype=np.float32)
        self.done = np.zeros(rows, dtype=bool)

    def put(self, rows: Ints, values: Floats) -> None:
        """Rows ``[K]`` with values ``[K, dim]``."""
        self.features[rows] = values
        self.done[rows] = True


def descriptor_rows(
    inputs: TestInputs, rows: int, dim: int, about: bytes, parts: Iterable[NDArray[Any]]
) -> DescriptorRows | Writer:
    """Where so many descriptors gather; on disk, what an earlier run had made is there already.

    Args:
        inputs: whose scratch folder is used, if it has one.
        rows, dim: shape.
        about, parts: all that decides what a row is, beside the network and the frames.
    """
    if inputs.scratch is None:
        return DescriptorRows(rows, dim)
    digest = hashlib.blake2b(about, digest_size=16)
    for part in (*parts, *(inputs.orders or ())):
        digest.update(np.ascontiguousarray(part).tobytes())
    name = digest.hexdigest()
    return Writer(inputs.scratch / f"{name}.descriptors", rows, dim, name)


def width(method: nn.Module) -> int:
    """Numbers of a descriptor."""
    return int(torch.as_tensor(method.descriptor_dim))  # the contract says int; `nn.Module` does not know it


def frames_at_once(inputs: TestInputs) -> int:
    """How many frames go to a network together: many features, or few pictures."""
    return _FEATURES_A_BATCH if inputs.features is not None else frames_per_batch(inputs.store.size)


def pixels_ahead(inputs: TestInputs, rows: Sequence[Ints]) -> Iterator[NDArray[Any] | None]:
    """Frames or maps by row, for each batch of rows; frames to decode are decoded ahead of the network.

    None for every batch where features take the place of pixels.
    """
    if inputs.features is not None:
        return iter([None] * len(rows))
    if inputs.given is not None:
        maps = inputs.given.maps
        return (maps[some] for some in rows)
    store = inputs.store
    threads = store.readers if isinstance(store, FrameStore) and store.on_demand else 0
    return ahead(store.gather, rows, threads)


def encode_clips(
    method: nn.Module, inputs: TestInputs, rows: Ints, mask: Tensor, pixels: NDArray[Any] | None = None
) -> Tensor:
    """Frames by row ``[B, T]`` -> ``[B, D]``; ``pixels`` are those of the rows, where they were read before.

    Args:
        method: in eval mode.
        inputs: where frames come from.
        rows: of the store, ``[B, T]``.
        mask: ``[B, T]``, true on real frames.
        pixels: ``[B, T, H, W, 3]``, or maps ``[B, T, C, h, w]`` where ``inputs`` has them; None to read them here.
    """
    if isinstance(method, FrameThenTime):
        assert inputs.features is not None  # the job extracts them for every such method
        with autocast(inputs.device, "tf32" if inputs.precision == "tf32" else "fp32"):  # of float32 features
            return method.aggregate(torch.from_numpy(inputs.features[rows]).to(inputs.device), mask)
    with autocast(inputs.device, inputs.precision), _beginning(method, inputs):
        return torch.as_tensor(method(_pixels(inputs, rows, pixels), mask))


def _beginning(method: nn.Module, inputs: TestInputs) -> AbstractContextManager[None]:
    """Where a network begins: at its images, or behind the block whose maps there are."""
    return beginning_behind(method, inputs.given.block if inputs.given else "")


def _pixels(inputs: TestInputs, rows: Ints, pixels: NDArray[Any] | None = None) -> Tensor:
    """Frames by row, normalised: ``[..., 3, H, W]``; or the maps that are given in their place, ``[..., C, h, w]``."""
    if inputs.given is not None:
        return torch.from_numpy(inputs.given.maps[rows] if pixels is None else pixels).to(inputs.device)
    frames = torch.from_numpy(inputs.store.gather(rows) if pixels is None else pixels)
    return to_tensor(frames.to(inputs.device), inputs.normalise)


@torch.inference_mode()
def _encode_images(method: nn.Module, inputs: TestInputs) -> tuple[Floats, str]:
    """Descriptors of the first frames ``[N, D]``, and what encoded them."""
    rows = inputs.store.offsets[:-1]
    run: Callable[[Ints], Tensor]
    if isinstance(method, ImageAndVideo):
        words = "image network"

        def run(batch: Ints) -> Tensor:
            with autocast(inputs.device, inputs.precision), _beginning(method, inputs):
                return method.image_descriptor(laid_out(_pixels(inputs, batch), inputs.precision))
    else:
        times = method.clip_length if isinstance(method, FixedClip) else 1
        words = "its only network on one frame" + (f", repeated {times} times" if times > 1 else "")

        def run(batch: Ints) -> Tensor:
            whole = torch.ones(len(batch), times, dtype=torch.bool, device=inputs.device)
            return encode_clips(method, inputs, np.repeat(batch[:, None], times, axis=1), whole)

    size = frames_per_batch(inputs.store.size)
    parts = [run(rows[start : start + size]).float().cpu().numpy() for start in range(0, len(rows), size)]
    return np.concatenate(parts), words
