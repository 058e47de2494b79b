"""Whether permuting frames changes a descriptor: on networks whose answer is known by their form."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import methods
from datasets.frames.decoded import FrameStore
from methods.layers.pooling import masked_mean
from protocols.order_dependence import ORDER_BLIND
from runners.evaluation.encode import TestInputs
from runners.evaluation.permutation import order_record, permutation_change
from runners.training.frame_features import extract_frame_features
from tests.methods.cases import built
from tests.runners.small import PixelsAndTime, Small, random_frames, seeded

LENGTHS = np.array([10, 3, 1, 40, 4, 33], dtype=np.int64)


class MeanOfFrames(nn.Module):
    """Blind to order by its form; sums in another order still round otherwise."""

    def __init__(self, inner: Small) -> None:
        super().__init__()
        self.inner, self.descriptor_dim = inner, inner.frame_dim

    def forward(self, clips: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return masked_mean(self.inner.frame_features(clips.flatten(0, 1)).unflatten(0, mask.shape), mask)


class LastFrame(MeanOfFrames):
    """Takes clips of three frames and keeps the last."""

    clip_length = 3

    def forward(self, clips: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        assert clips.shape[1] == 3 and mask.all()
        return self.inner.frame_features(clips[:, -1])


def inputs(store: FrameStore, features: np.ndarray | None = None, precision: str = "fp32") -> TestInputs:
    return TestInputs(store, features, "imagenet", "cpu", precision, "extract")


@pytest.fixture(scope="module")
def store() -> FrameStore:
    return random_frames(LENGTHS)


def test_a_mean_of_frames_is_blind_to_order_and_a_temporal_convolution_is_not(store: FrameStore) -> None:
    blind = order_record(MeanOfFrames(seeded()).eval(), inputs(store), 0)
    assert blind["order_blind"] is True
    assert 0 <= blind["permutation_change"] < ORDER_BLIND
    sees = order_record(PixelsAndTime(seeded()).eval(), inputs(store), 0)
    assert sees["order_blind"] is False
    assert sees["permutation_change"] > 100 * ORDER_BLIND


def test_features_and_pixels_give_the_same_change(store: FrameStore, tmp_path: Path) -> None:
    small = seeded()
    extract_frame_features(
        small, store, "imagenet", device="cpu", precision="fp32", folder=tmp_path, title="extract"
    )  # fmt: skip
    of_features = permutation_change(small, inputs(store, np.load(tmp_path / "features.npy")), 3)
    assert of_features == pytest.approx(permutation_change(PixelsAndTime(small).eval(), inputs(store), 3), rel=1e-3)


def test_rounding_to_16_bits_is_kept_out_of_it(store: FrameStore) -> None:
    assert order_record(MeanOfFrames(seeded()).eval(), inputs(store, precision="bf16"), 0)["order_blind"] is True


def test_a_network_of_fixed_clips_is_fed_its_own_length(store: FrameStore) -> None:
    assert order_record(LastFrame(seeded()).eval(), inputs(store), 0)["order_blind"] is False


def test_tracklets_of_one_frame_say_nothing() -> None:
    single = random_frames(np.array([1, 1, 1], dtype=np.int64))
    assert order_record(MeanOfFrames(seeded()).eval(), inputs(single), 0) == {}


@pytest.mark.parametrize(("arm", "blind"), [("tsa", True), ("dtp", False), ("gltr", False)])
def test_self_attention_of_gltr_is_blind_to_order_and_its_pyramid_is_not(arm: str, blind: bool) -> None:
    torch.manual_seed(0)
    method = built(methods.arm(f"gltr/{arm}"), (64, 32)).eval()
    with torch.no_grad():
        for parameter in method.parameters():  # what starts at zero would hide what is learnt
            parameter.add_(0.02 * torch.randn_like(parameter))
    features = np.abs(np.random.default_rng(0).normal(0, 1, (int(LENGTHS.sum()), method.frame_dim))).astype(np.float32)
    found = order_record(method, inputs(random_frames(LENGTHS), features), 0)
    assert found["order_blind"] is blind
