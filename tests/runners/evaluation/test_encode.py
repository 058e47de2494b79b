"""What a protocol feeds: against the plain way of doing it, one tracklet at a time."""

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import datasets
import protocols
from datasets.frames import on_demand
from datasets.frames.decoded import FrameStore
from datasets.frames.on_demand import PackedFrames
from datasets.images.transforms import to_tensor
from datasets.sampling.snippets import snippets
from methods.errors import MethodError
from protocols.test_time.inputs import Snippets
from runners.evaluation import descriptor_set, encode
from runners.evaluation.encode import Cut, TestInputs, cut_all, encode_test_set, in_words, mean_of_clips
from runners.training.frame_features import extract_frame_features
from tests.datasets import mars_folder
from tests.runners.small import PixelsAndTime, Small, random_frames, seeded

LENGTHS = np.array([10, 3, 1, 40, 4, 33], dtype=np.int64)
SNIPPETS = protocols.load("rgb-snippets")
SIDES = protocols.load("image-to-video")


class Fixed(nn.Module):
    """Takes clips of three frames; the frames count differently."""

    clip_length = 3

    def __init__(self, inner: Small) -> None:
        super().__init__()
        self.inner, self.descriptor_dim = inner, inner.frame_dim

    def forward(self, clips: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        if clips.shape[1] != 3 or not mask.all():
            raise MethodError("exactly 3 frames")
        rows = self.inner.frame_features(clips.flatten(0, 1)).unflatten(0, mask.shape)
        return torch.einsum("btd,t->bd", rows, torch.tensor([1.0, 2.0, 4.0]))


class TwoNetworks(PixelsAndTime):
    """Has an image network of its own."""

    def image_descriptor(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean((2, 3)).repeat(1, 2)


@pytest.fixture(scope="module")
def store() -> FrameStore:
    return random_frames(LENGTHS)


@pytest.fixture(scope="module")
def small() -> Small:
    return seeded()


def inputs(store: FrameStore, features: np.ndarray | None = None, orders: list | None = None) -> TestInputs:
    return TestInputs(store, features, "imagenet", "cpu", "fp32", "extract", orders)


@torch.no_grad()
def plainly(method: nn.Module, store: FrameStore, tracklet: int, frames: list[int]) -> np.ndarray:
    clip = to_tensor(store.clip(tracklet, np.array(frames)))[None]
    return method(clip, torch.ones(1, len(frames), dtype=torch.bool))[0].numpy()


def close(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def test_snippets_are_cut_looped_and_averaged(store: FrameStore, small: Small) -> None:
    method = PixelsAndTime(small).eval()
    found = encode_test_set(method, SNIPPETS, inputs(store))
    of_ten = [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 8, 9]]
    close(found.video[0], np.mean([plainly(method, store, 0, f) for f in of_ten], axis=0))
    close(found.video[1], plainly(method, store, 1, [0, 1, 2, 0]))
    close(found.video[2], plainly(method, store, 2, [0, 0, 0, 0]))
    assert found.image is None
    assert "clips of 4 frames" in found.fed


def test_features_and_pixels_give_the_same(store: FrameStore, small: Small, tmp_path) -> None:
    extract_frame_features(
        small, store, "imagenet", device="cpu", precision="fp32", folder=tmp_path, title="extract"
    )  # fmt: skip
    features = np.load(tmp_path / "features.npy")
    for protocol in (SNIPPETS, SIDES, protocols.load("res50-rgb-single-pass")):
        from_pixels = encode_test_set(PixelsAndTime(small).eval(), protocol, inputs(store))
        from_features = encode_test_set(small, protocol, inputs(store, features))
        close(from_features.video, from_pixels.video)
        if protocol.sides:
            close(from_features.image, from_pixels.image)


def test_whole_tracklets_do_not_depend_on_their_batch_mates(store: FrameStore, small: Small) -> None:
    found = encode_test_set(PixelsAndTime(small).eval(), protocols.load("res50-rgb-single-pass"), inputs(store))
    for tracklet, length in enumerate(LENGTHS):
        close(found.video[tracklet], plainly(small, store, tracklet, list(range(length))))
    assert found.by_mean == {}


def test_a_network_of_fixed_clips_is_cut_at_its_own_length(store: FrameStore, small: Small) -> None:
    method = Fixed(small).eval()
    for protocol in (SNIPPETS, SIDES):
        found = encode_test_set(method, protocol, inputs(store))
        of_ten = [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 9, 9]]
        close(found.video[0], np.mean([plainly(method, store, 0, f) for f in of_ten], axis=0))
        close(found.video[2], plainly(method, store, 2, [0, 0, 0]))
    close(found.image[0], plainly(method, store, 0, [0, 0, 0]))
    assert "one frame, repeated 3 times" in found.encoders["I"]
    assert "clips of 3 frames" in found.fed


def test_padded_clips_and_both_means(store: FrameStore, small: Small) -> None:
    method = PixelsAndTime(small).eval()
    found = encode_test_set(method, SIDES, inputs(store))
    first, rest = plainly(method, store, 5, list(range(32))), plainly(method, store, 5, [32])  # 33 frames
    close(found.by_mean["frames"][5], (32 * first + rest) / 33)
    close(found.by_mean["clips"][5], (first + rest) / 2)
    close(found.video, found.by_mean["frames"])
    close(found.video[1], plainly(method, store, 1, [0, 1, 2]))  # shorter than a clip: no frame twice
    close(found.image[4], plainly(method, store, 4, [0]))
    assert "its only network on one frame" in found.encoders["I"]


def test_images_go_through_the_image_network(store: FrameStore, small: Small) -> None:
    found = encode_test_set(TwoNetworks(small).eval(), SIDES, inputs(store))
    first = to_tensor(store.clip(3, np.array([0])))
    close(found.image[3], first.mean((2, 3)).repeat(1, 2)[0].numpy())
    assert found.encoders["I"].startswith("image network")
    assert found.encoders["V"].startswith("video network")


def test_an_order_is_applied_before_the_cut(store: FrameStore, small: Small) -> None:
    method = PixelsAndTime(small).eval()
    orders = [np.arange(n, dtype=np.int64) for n in LENGTHS]
    orders[0] = np.array([9, 1, 8, 2, 7, 3, 6, 4, 5, 0])
    found = encode_test_set(method, SNIPPETS, inputs(store, orders=orders))
    cuts = [[9, 1, 8, 2], [7, 3, 6, 4], [5, 0, 5, 0]]
    close(found.video[0], np.mean([plainly(method, store, 0, f) for f in cuts], axis=0))


def test_means_by_hand() -> None:
    mask = np.array([[True, True], [True, False], [True, True]])
    cut = Cut(np.array([0, 0, 1]), np.zeros((3, 2), dtype=np.int64), mask)
    clips = np.array([[3.0], [9.0], [5.0]], dtype=np.float32)
    assert mean_of_clips(clips, cut, "clips").tolist() == [[6.0], [5.0]]
    assert mean_of_clips(clips, cut, "frames").tolist() == [[5.0], [5.0]]


@pytest.mark.parametrize("rest", ["loop", "wrap", "repeat-last", "pad", "drop"])
def test_every_tracklet_has_its_clips_in_order(rest: str) -> None:
    plan = replace(Snippets(4, "loop", "clips"), rest=rest)
    cut = cut_all(LENGTHS, plan)
    for tracklet, length in enumerate(LENGTHS):
        own = cut.owner == tracklet
        np.testing.assert_array_equal(cut.frames[own], snippets(int(length), 4, rest).indices)
    assert (np.diff(cut.owner) >= 0).all()
    assert "clips of 4 frames" in in_words(plan)


def test_eight_frames_are_those_in_the_middle_of_eight_equal_parts(store: FrameStore, small: Small) -> None:
    protocol = protocols.load("rgb-eight-frames")
    found = encode_test_set(PixelsAndTime(small).eval(), protocol, inputs(store))
    # 40 frames: parts of 5, their third frame; 10 frames: parts of 1 and 2, the first of two; 3 frames: repeated.
    by_hand = {3: [2, 7, 12, 17, 22, 27, 32, 37], 0: [0, 1, 2, 3, 5, 6, 7, 8], 1: [0, 1, 2, 0, 1, 2, 0, 1]}
    for row, frames in by_hand.items():
        clip = to_tensor(store.clip(row, np.array(frames)))[None]
        with torch.no_grad():
            alone = small(clip, torch.ones(1, 8, dtype=torch.bool))
        np.testing.assert_allclose(found.video[row], alone[0].numpy(), rtol=1e-4, atol=1e-5)
    assert found.fed.startswith("8 frames")
    fixed = encode_test_set(Fixed(small).eval(), protocol, inputs(store))
    assert fixed.fed.startswith("3 frames")


class Stops(PixelsAndTime):
    """Is killed at its second batch."""

    calls = 0

    def forward(self, clips: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        if self.calls == 2:
            raise KeyboardInterrupt
        return super().forward(clips, mask)


def test_an_extraction_that_was_stopped_goes_on_and_ends_with_the_same_bits(
    store: FrameStore, small: Small, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encode, "frames_per_batch", lambda size: 16)
    monkeypatch.setattr(descriptor_set, "_NOTE_SECONDS", 0.0)
    plain = encode_test_set(PixelsAndTime(small).eval(), SNIPPETS, inputs(store)).video
    kept = replace(inputs(store), scratch=tmp_path / "clips")
    with pytest.raises(KeyboardInterrupt):
        encode_test_set(Stops(small).eval(), SNIPPETS, kept)
    again = Stops(small).eval()
    again.calls = 2
    np.testing.assert_array_equal(encode_test_set(again, SNIPPETS, kept).video, plain)
    left = again.calls - 2
    assert encode_test_set(again, SNIPPETS, kept).video.tobytes() == plain.tobytes()
    assert again.calls - 2 == left >= 2  # nothing was left to do; before, one batch had been done already
    everything = Stops(small).eval()
    everything.calls = 2
    encode_test_set(everything, SNIPPETS, inputs(store))
    assert everything.calls - 2 == left + 1


@pytest.mark.parametrize("protocol", ["res50-rgb-single-pass", "rgb-snippets", "image-to-video"])
def test_frames_decoded_when_asked_for_describe_the_same_to_the_last_bit(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    """Clips of a network that takes pixels, decoded ahead of it in threads of their own."""
    people = [(f"{person:04d}", camera, camera, 3 + 7 * camera) for person in (2, 4) for camera in (1, 2, 3)]
    split = datasets.load("mars", mars_folder.write(tmp_path / "mars", test=people, query=(1, 4)), counts="any")
    decoded = FrameStore.build(split.test, split.root, None, (32, 32), fingerprint="x", progress=False)
    asked = PackedFrames.of(split.test, split.root, (32, 32), fingerprint="x")
    asked.readers = 3
    real, threads = on_demand.decode_block, set()
    monkeypatch.setattr(on_demand, "decode_block", lambda *what: threads.add(threading.current_thread()) or real(*what))
    monkeypatch.setattr(encode, "frames_per_batch", lambda size: 20)
    network = TwoNetworks(small)
    one, other = (encode_test_set(network, protocols.load(protocol), inputs(store)) for store in (decoded, asked))
    np.testing.assert_array_equal(one.video, other.video)
    if one.image is not None:
        np.testing.assert_array_equal(one.image, other.image)
    assert threads - {threading.current_thread()}
