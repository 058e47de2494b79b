"""Frames that are weighted: even weights change nothing, others as computed by hand, and whom they can be asked of."""

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import methods
import protocols
from methods.interface import MapsThenFrames
from runners.evaluation.encode import EncodedTestSet
from runners.oracles import true_mask_pooling
from runners.oracles.true_visibility import POWER, RULE, weights_of
from runners.oracles.weighted_mean import encode_weighted, refused
from tests.narrow import narrowed
from tests.runners.oracles.conftest import Scored
from tests.runners.small import seeded

PROTOCOLS = (
    "rgb-single-pass", "rgb-snippets", "rgb-eight-frames", "snippet-vs-full", "image-to-video", "occlusion-repaired",
)  # fmt: skip


def close(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("name", PROTOCOLS)
@pytest.mark.parametrize("level", [1.0, 0.02, 0.0])
def test_even_weights_give_the_arm_itself_however_it_is_fed(
    scored: Callable[[str], Scored], name: str, level: float
) -> None:
    one = scored(name)
    features = one.inputs.features
    assert features is not None
    even = np.full(len(features), level)  # weights of nothing are those of a plain mean
    found = encode_weighted(one.network, one.given.protocol, one.inputs, features, even, one.encoded)
    close(found.video, one.encoded.video)
    assert found.by_mean.keys() == one.encoded.by_mean.keys()
    for mean, values in found.by_mean.items():
        close(values, one.encoded.by_mean[mean])
    assert (found.image is None) == (one.encoded.image is None)
    if found.image is not None and one.encoded.image is not None:
        close(found.image, one.encoded.image)
    assert (found.fed, found.encoders) == (one.encoded.fed, one.encoded.encoders)


class Averages(nn.Module):
    """One number a frame, the mean over real frames, and then a layer."""

    frame_dim, descriptor_dim = 1, 1

    def frame_features(self, images: Tensor) -> Tensor:
        return images.mean((1, 2, 3))[:, None]

    def aggregate(self, features: Tensor, mask: Tensor) -> Tensor:
        real = mask[..., None].float()
        return 2 * (features * real).sum(1) / real.sum(1) + 1

    def frame_losses(self, *given: Tensor) -> dict[str, Tensor]:
        return {}


@pytest.mark.parametrize(
    ("name", "weights", "mean"),
    [
        ("rgb-single-pass", (1, 0, 3, 0, 0), (10 + 90) / 4),
        ("rgb-single-pass", (0, 0, 0, 0, 7), 50),
        ("rgb-single-pass", (0, 0, 0, 0, 0), 30),
        ("rgb-snippets", (1, 0, 3, 0, 2), (1 * 25 + 2 * 50) / 3),  # 0 1 2 3 with mean weight 1; 4 four times, with 2
        ("rgb-snippets", (0, 0, 0, 0, 2), 50),  # a clip that shows nothing has no say
        ("rgb-snippets", (0, 0, 0, 0, 0), (25 + 50) / 2),
        ("rgb-eight-frames", (0, 1, 0, 1, 0), 20 * 2 / 3 + 40 / 3),  # eight of five: 0 1 2 3 4 0 1 2
    ],
)
def test_weighted_means_computed_by_hand(name: str, weights: tuple[float, ...], mean: float) -> None:
    lengths = np.array([5, 1])
    inputs = SimpleNamespace(
        store=SimpleNamespace(lengths=lengths, offsets=np.array([0, 5, 6])), device="cpu", precision="fp32"
    )
    features = np.array([[10], [20], [30], [40], [50], [7]], dtype=np.float32)
    plain = EncodedTestSet(np.zeros((2, 1), dtype=np.float32), {}, None, "as fed", {})
    given = np.array([*weights, 0.25])
    found = encode_weighted(Averages().eval(), protocols.load(name), inputs, features, given, plain)
    np.testing.assert_allclose(found.video[:, 0], [2 * mean + 1, 15], rtol=1e-6)


def test_frames_weigh_by_their_visible_share_to_the_power() -> None:
    np.testing.assert_allclose(weights_of(np.array([1.0, 0.5, np.nan, 0.0])), [1, 0.5**POWER, 0, 0])
    seen = np.array([0.2, 0.1, 0.05], dtype=np.float32)  # the best frame counts 1, however little it shows
    np.testing.assert_allclose(weights_of(seen), [1, 0.5**POWER, 0.25**POWER], rtol=1e-5)
    assert weights_of(np.full(4, 0.3)).tolist() == [1] * 4
    for nothing in (np.nan, 0.0):
        assert weights_of(np.full(3, nothing)).tolist() == [1] * 3


def test_the_visible_share_is_read_and_moves_descriptors(scored: Callable[[str], Scored]) -> None:
    one = scored("rgb-single-pass")
    found = RULE.answer(one.given)
    assert found.parameters == {"power": POWER}
    assert found.split is None
    moved = np.abs(found.encoded.video - one.encoded.video).max(axis=1)
    hidden = []
    for tracklet in one.given.data.raw.test:
        with np.load(one.given.data.raw.root / "truth/tracklets" / tracklet.key[:4] / f"{tracklet.key}.npz") as truth:
            hidden.append(np.ptp(np.nan_to_num(truth["visible"])) > 0)
    level = 1e-5 * np.abs(one.encoded.video).max()
    assert ((moved > level) == np.array(hidden)).all()
    assert any(hidden) and not all(hidden)


def test_networks_that_average_frames_are_told_from_others_by_what_they_do() -> None:
    with narrowed():
        for paper, name, words in (
            ("gltr", "baseline[depth=18]", ""),
            ("gltr", "gltr[depth=18]", "more over time"),
            ("baseline", "ste[depth=18]", ""),  # a layer behind the mean is no harm
            ("baseline", "torchreid-max[depth=18]", "more over time"),
            ("cosam", "r50-tp[depth=18]", ""),
            ("cosam", "r50-ta[depth=18]", "more over time"),
            ("cosam", "r50-rnn[depth=18]", "more over time"),
            ("vrstc", "baseline[depth=18]", ""),
            ("adfd", "a", ""),
            ("tkp", "baseline[depth=18]", "one by one"),
        ):
            network = methods.arm(name, paper).build(5, (64, 32)).eval()
            found = refused(network)
            assert (words in found) if words else not found, (paper, name, found)
            assert bool(true_mask_pooling.refused(network)) == bool(words or not isinstance(network, MapsThenFrames))
    assert "more over time" in refused(seeded())
    torch.manual_seed(0)
    assert not refused(Averages().eval())
    assert "one map" in true_mask_pooling.refused(Averages().eval())
