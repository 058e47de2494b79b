"""Every test tracklet under each of a protocol's choices, encoded no more often than needed.

All choices of a few tracklets are cut at once. A clip that several choices share (the first eight frames are a snippet
of eight, a window of eight and, in a tracklet of eight frames, the whole) is encoded once; what is left goes in batches
of like length, whatever tracklet and choice it belongs to. Where a network encodes frames alone, its frame features are
known already, so that all choices together cost one pass over the frames.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from files.formats import json as json_files
from methods.interface import FixedClip, FrameThenTime
from protocols.interface import Protocol
from protocols.test_time.clips import clips_of, fitting, own_snippets
from protocols.test_time.inputs import Variants
from protocols.test_time.variants import Choice
from runners.errors import RunError
from runners.evaluation.clip_batches import in_batches
from runners.evaluation.descriptor_set import Writer
from runners.evaluation.encode import (
    Cut,
    DescriptorRows,
    EncodedTestSet,
    Ints,
    TestInputs,
    VariantDescriptors,
    descriptor_rows,
    encode_clips,
    encode_test_set,
    frames_at_once,
    mean_of_clips,
    pixels_ahead,
    width,
)
from runners.plan.step_store import canonical_json, write_json
from runners.progress import Bar, note, step_bar
from runners.training.count_frames import counting_trunk_frames
from runners.training.frame_features import Floats

_FRAMES_A_GROUP = 8192  # of the tracklets whose clips are cut and encoded together, where features are known
_PIXELS_A_GROUP = 1024  # the same from pixels: each is encoded some twenty times, and a group is what a stop costs

Place = tuple[str, bool]  # a choice, and whether it is what it feeds of a gallery tracklet


def encode_under_protocol(
    method: nn.Module, protocol: Protocol, inputs: TestInputs, headline_only: bool = False
) -> EncodedTestSet:
    """Encode every test tracklet as a protocol demands, under each of its choices if it lists some.

    Args:
        method: in eval mode, on the device of ``inputs``.
        protocol: must admit the method.
        inputs: where frames come from.
        headline_only: leave the other choices out.
    """
    match protocol.feed:
        case Variants():
            descriptors = encode_each_variant(method, protocol.feed, inputs, headline_only)
            headline = next(one for one in descriptors.choices if one.name == descriptors.headline)
            return EncodedTestSet(
                descriptors.features[descriptors.headline], {}, None, _in_words(headline), {}, descriptors
            )
        case _:
            return encode_test_set(method, protocol, inputs)


def encode_each_variant(
    method: nn.Module, variants: Variants, inputs: TestInputs, headline_only: bool = False
) -> VariantDescriptors:
    """Descriptors under every choice that the network can take; the others are named with the reason.

    Args:
        method: in eval mode, on the device of ``inputs``.
        variants: the choices.
        inputs: where frames come from.
        headline_only: encode no choice but the one that stands for the arm.
    """
    fixed = method.clip_length if isinstance(method, FixedClip) else None
    headline, run, not_run = plan(variants, fixed)
    run = tuple(one for one in run if one.name == headline) if headline_only else run
    once = isinstance(method, FrameThenTime)
    found = _encode_groups(method, run, inputs)
    frames, counted = int(inputs.store.lengths.sum()), found.trunk
    if once:  # the features came from somewhere; aggregating them lets no frame into the trunk again
        frames, before = inputs.passed or (frames, None)
        counted = None if before is None or counted is None else before + counted
    return VariantDescriptors(
        headline=headline,
        choices=run,
        not_run=not_run,
        features=found.features(gallery=False),
        gallery=found.features(gallery=True),
        clips=found.clips,
        fed=found.fed,
        frames=frames,
        trunk_frames=counted,
        once=once,
    )


def plan(variants: Variants, fixed: int | None) -> tuple[str, tuple[Choice, ...], tuple[tuple[Choice, str], ...]]:
    """The headline, the choices that a network can take, and the others with the reason.

    A network of fixed clips cannot take a whole sequence; its own snippets stand for it then.
    """
    fitting_choices = [(one, *fitting(one, fixed)) for one in variants.choices]
    run = tuple(taken for _, taken, _ in fitting_choices if taken is not None)
    not_run = tuple((one, reason) for one, taken, reason in fitting_choices if taken is None)
    headline = variants.headline
    if fixed is not None and headline not in [one.name for one in run]:
        own = own_snippets(fixed, run)
        headline, run = own.name, run if own in run else (*run, own)
    return headline, run, not_run


@dataclass
class _Found:
    """What is filled group by group: a row holds a tracklet's descriptors of all places side by side."""

    rows: DescriptorRows | Writer
    places: tuple[Place, ...]
    trunk: int | None = 0
    clips: dict[str, int] = field(default_factory=dict)
    fed: dict[str, int] = field(default_factory=dict)

    def features(self, gallery: bool) -> dict[str, Floats]:
        """Name of a choice -> ``[N, D]``, of all tracklets, or of the gallery alone."""
        dim = self.rows.features.shape[1] // len(self.places)
        return {
            name: self.rows.features[:, place * dim : (place + 1) * dim]
            for place, (name, of_gallery) in enumerate(self.places)
            if of_gallery == gallery
        }

    def count(self, name: str, mask: NDArray[np.bool_]) -> None:
        """More clips of a choice."""
        self.clips[name] = self.clips.get(name, 0) + len(mask)
        self.fed[name] = self.fed.get(name, 0) + int(mask.sum())


@dataclass
class _Clips:
    """Clips of a group of tracklets, each once: ``frames`` are the real ones."""

    owner: list[int] = field(default_factory=list)
    frames: list[Ints] = field(default_factory=list)
    known: dict[tuple[int, bytes], int] = field(default_factory=dict)

    def number(self, tracklet: int, frames: Ints) -> int:
        """Of a clip, which is new or was cut before."""
        key = tracklet, frames.tobytes()
        found = self.known.setdefault(key, len(self.frames))
        if found == len(self.frames):
            self.owner.append(tracklet)
            self.frames.append(frames)
        return found


def _encode_groups(method: nn.Module, choices: tuple[Choice, ...], inputs: TestInputs) -> _Found:
    """Group by group; groups that an earlier run had finished are cut again, for their counts, but not encoded."""
    lengths, means = inputs.store.lengths, {one.name: one.mean or "clips" for one in choices}
    places = tuple((one.name, answer) for one in choices for answer in (False, True)[: 1 + bool(one.answers)])
    about = canonical_json([one.as_dict() for one in choices]).encode()
    rows = descriptor_rows(inputs, len(lengths), len(places) * width(method), about, (lengths,))
    found, known = _Found(rows, places), _Counts(inputs.scratch)
    with step_bar(inputs.title, int(lengths.sum()), "frames") as bar:
        for group in _groups(lengths, _FRAMES_A_GROUP if inputs.features is not None else _PIXELS_A_GROUP):
            clips = _Clips()
            by_name = {one.name: one for one in choices}
            cuts = {place: _cut(by_name[place[0]], place[1], group, lengths, clips) for place in places}
            for name, answer in places:
                if not answer:
                    found.count(name, cuts[name, answer][1].mask)
            which = str(int(group[0]))
            if not (rows.done[group].all() and which in known.of):
                with counting_trunk_frames(method) as trunk:
                    descriptors = _encode_group(method, inputs, clips, bar, int(lengths[group].sum()))
                averaged = [mean_of_clips(descriptors[cuts[one][0]], cuts[one][1], means[one[0]]) for one in places]
                rows.put(group, np.concatenate(averaged, axis=1))
                known.put(which, trunk.frames)
            else:
                bar.update(int(lengths[group].sum()))
            counted = known.of[which]
            found.trunk = None if counted is None or found.trunk is None else found.trunk + counted
    return found


class _Counts:
    """Frames that entered the trunk for each group, kept beside the descriptors of a run that may be stopped."""

    def __init__(self, scratch: Path | None) -> None:
        self._file = scratch / "trunk_frames.json" if scratch else None
        self.of: dict[str, int | None] = self._noted() if self._file and self._file.is_file() else {}

    def _noted(self) -> dict[str, int | None]:
        """What an earlier run wrote down; groups whose count is lost are encoded again."""
        assert self._file is not None  # asked for where there is one
        try:
            found = json_files.read_object(self._file, error=RunError)
        except RunError as error:
            note(f"what an interrupted run left is damaged ({error}); its clips are encoded again")
            return {}
        return {group: count for group, count in found.items() if count is None or type(count) is int}

    def put(self, group: str, frames: int | None) -> None:
        self.of[group] = frames
        if self._file:
            write_json(self._file, self.of)


def _groups(lengths: Ints, frames: int) -> Iterator[Ints]:
    """Tracklets of like length, as many as hold a number of frames together."""
    order = np.argsort(lengths, kind="stable")
    begun = np.cumsum(lengths[order]) - lengths[order]  # frames before each tracklet
    yield from np.split(order, np.flatnonzero(np.diff(begun // frames)) + 1)


def _cut(choice: Choice, answer: bool, group: Ints, lengths: Ints, clips: _Clips) -> tuple[Ints, Cut]:
    """Numbers of a choice's clips among all of the group, and the clips: ``owner`` counts within the group."""
    each = [clips_of(choice, int(lengths[tracklet]), answer=answer) for tracklet in group]
    numbers = [
        clips.number(int(tracklet), frames[mask])
        for tracklet, cut in zip(group, each, strict=True)
        for frames, mask in zip(cut.indices, cut.mask, strict=True)
    ]
    owner = np.repeat(np.arange(len(each)), [len(one.mask) for one in each])
    longest = max(one.mask.shape[1] for one in each)
    mask = np.concatenate([np.pad(one.mask, ((0, 0), (0, longest - one.mask.shape[1]))) for one in each])
    return np.array(numbers, dtype=np.int64), Cut(owner, np.zeros(mask.shape, dtype=np.int64), mask)


@torch.inference_mode()
def _encode_group(method: nn.Module, inputs: TestInputs, clips: _Clips, bar: Bar, frames: int) -> Floats:
    """Descriptors ``[C, D]`` of clips; the bar moves on by ``frames`` in all, as far as clips are done."""
    store, orders = inputs.store, inputs.orders
    real = np.array([len(one) for one in clips.frames], dtype=np.int64)
    found = np.empty((len(real), width(method)), dtype=np.float32)
    share, shown = frames / int(real.sum()), 0.0
    batches = in_batches(real, frames_at_once(inputs))
    wanted = []
    for batch in batches:
        rows = np.empty((len(batch), int(real[batch].max())), dtype=np.int64)
        for line, clip in enumerate(batch):
            owner, own = clips.owner[clip], clips.frames[clip]
            ordered = own if orders is None else orders[owner][own]
            rows[line, : len(own)] = store.offsets[owner] + ordered
            rows[line, len(own) :] = rows[line, len(own) - 1]  # padding: any frame that exists
        wanted.append(rows)
    for batch, rows, pixels in zip(batches, wanted, pixels_ahead(inputs, wanted), strict=True):
        mask = torch.from_numpy(np.arange(rows.shape[1]) < real[batch][:, None]).to(inputs.device)
        found[batch] = encode_clips(method, inputs, rows, mask, pixels).float().cpu().numpy()
        before, shown = round(shown), shown + share * int(real[batch].sum())
        bar.update(round(shown) - before)
    return found


def _in_words(choice: Choice) -> str:
    """What a tracklet is to the network under the choice that stands for the arm."""
    if choice.family == "whole":
        return "all frames of a tracklet in one pass"
    return f"{choice.label[0].lower()}{choice.label[1:]}, the only length that it takes, mean over {choice.mean}"
