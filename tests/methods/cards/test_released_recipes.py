"""Every value of a released recipe that the authors' code states, typed here by hand from what was read there."""

from typing import Any

import pytest

import methods
from methods.cards.recipe import Augment, Clip, Recipe, Stage

CARDS = methods.papers()


def only(recipe: Recipe) -> Stage:
    (stage,) = recipe.stages
    return stage


def released(key: str) -> dict[str, Recipe]:
    """Recipes of the profile ``paper`` that stand for the authors' code."""
    return {name: recipe for name, recipe in CARDS[key].recipes["paper"].items() if "released" in name}


def test_gltr() -> None:
    """GLTR's training script: one stage, everything trained; cv2.resize; no augmentation."""
    assert set(released("gltr")) == {"released", "released-baseline"}
    for name, recipe in released("gltr").items():
        assert recipe.size == (256, 128)  # "cv2 resize 256x128"
        assert recipe.resize == "opencv-linear"
        assert recipe.test_crop == 1
        stage = only(recipe)
        assert stage.start == "imagenet", name  # "absent: one stage from ImageNet weights"
        assert stage.trains == ("*",) and stage.fresh == ()  # "no, all parameters trained"
        assert stage.losses == {"cross_entropy": 1.0}  # "nn.CrossEntropyLoss"
        assert (stage.sampler.kind, stage.sampler.batch) == (
            "shuffled",
            10,
        )  # "batches are shuffled tracklets", "10x16"
        assert stage.clip == Clip("gltr", 16)  # "start = int(u*(n-16)), looped modulo n if n < 16"
        assert stage.augment == Augment()  # "none (no flip)"
        assert stage.normalise == "imagenet"  # "RGB, ImageNet mean/std"
        optimizer = stage.optimizer
        assert (optimizer.kind, optimizer.lr, optimizer.momentum, optimizer.weight_decay) == ("sgd", 0.01, 0.9, 5e-4)
        assert optimizer.decay_norm_and_bias
        assert (stage.length.epochs, stage.schedule.gamma) == (501, 0.1)
        assert stage.schedule.milestones == (120, 240, 360, 480)  # "0.01 * 0.1^(epoch // 120)"


@pytest.mark.parametrize(
    ("name", "lr", "clip"),
    [
        ("released", 3e-4, 4), ("released-rnn", 1e-4, 4), ("se-released", 3e-4, 4), ("se-released-rnn", 1e-4, 4),
        ("se-n2-released", 3e-4, 2), ("se-n8-released", 3e-4, 8),
    ],
)  # fmt: skip
def test_cosam(name: str, lr: float, clip: int) -> None:
    """COSAM's code: its default 3e-4, and 1e-4 for the RNN by its help text; N of Table 6."""
    assert len(released("cosam")) == 6
    recipe = released("cosam")[name]
    assert (recipe.size, recipe.resize, recipe.test_crop) == ((256, 128), "bilinear", 1)
    stage = only(recipe)
    assert (stage.start, stage.trains) == ("imagenet", ("*",))
    assert stage.losses == {"cross_entropy": 1.0, "triplet": 1.0}
    assert (stage.optimizer.kind, stage.optimizer.lr, stage.optimizer.weight_decay) == ("adam", lr, 5e-4)
    assert (stage.length.epochs, stage.schedule.milestones, stage.schedule.gamma) == (800, (200, 400, 600), 0.1)
    assert (stage.sampler.kind, stage.sampler.ids, stage.sampler.tracklets) == ("identity", 8, 4)  # "32 = 8 ids x 4"
    assert stage.clip == Clip("jg", clip)  # "consecutive, start uniform in [0, n-T-1], looped if shorter"
    # "per frame: p 0.5 plain resize, else resize x1.125 and random crop; horizontal flip p 0.5; ImageNet mean/std"
    assert stage.augment == Augment(flip=0.5, crop_scale=1.125, crop_chance=0.5, per="frame")
    assert stage.normalise == "imagenet"


@pytest.mark.parametrize("name", released("tkp"))
def test_tkp(name: str) -> None:
    """TKP's code: bicubic resizing, flips once a clip, short tracklets by four random frames."""
    recipe = released("tkp")[name]
    assert (recipe.size, recipe.resize, recipe.test_crop) == ((256, 128), "bicubic", 1)
    for stage in recipe.stages:
        assert (stage.optimizer.kind, stage.optimizer.lr, stage.optimizer.weight_decay) == ("adam", 3e-4, 5e-4)
        assert (stage.length.epochs, stage.schedule.milestones, stage.schedule.gamma) == (150, (60, 120), 0.1)
        assert (stage.sampler.kind, stage.sampler.ids, stage.sampler.tracklets) == ("grouped", 4, 4)  # "P=4, K=4"
        frames = {"released-t2": 2, "released-t3": 3, "released-t5": 5, "released-t6": 6}.get(name, 4)
        assert stage.clip == Clip(
            "strided", frames, "random-sorted", 8
        )  # "start + {0,8,16,24}"; "4 distinct random, sorted"
        assert stage.augment == Augment(flip=0.5, per="clip")  # "No crop, no erasing"
        assert stage.normalise == "imagenet"
    everything = {"cross_entropy", "triplet", "feature", "distance"}
    losses = {
        "released": everything, "released-baseline": {"cross_entropy", "triplet"},
        "released-feature": everything - {"distance"}, "released-distance": everything - {"feature"},
        "released-i2v": {"i2v_triplet"}, "released-triplet": {"triplet"},
    }.get(name, everything)  # fmt: skip
    assert dict(recipe.stages[-1].losses) == dict.fromkeys(losses, 1.0)  # "Total = plain sum, all weights 1"


SETTINGS: dict[str, dict[str, Any]] = {
    # dilations 1, 2, 3; raw frame feature in front; plain non-local block, zero BN gain; BN, ReLU, dropout; stride 1
    "gltr": {"last_stride": 1, "embed": 128, "dilations": "counting", "identity_branch": True, "alpha": 2,
             "tsa_norm": "none", "tsa_zero": "bn-gain", "softmax_axis": "key", "neck": "bn-relu-dropout"},
    # two-layer summary, residual channel mask, D_R 64 for C <= 256, unbiased deviation, smoothing .1, margin .3
    "cosam": {"summary": "two", "channel": "residual", "reduce": 256, "reduce_small": 64, "std": "unbiased",
              "last_stride": "rule", "neck": "none", "label_smoothing": 0.1, "margin": 0.3},
    # mean over all pairs, margin .3, last stride 1
    "tkp": {"last_stride": 1, "distance_mean": "pairs", "margin": 0.3},
}  # fmt: skip


@pytest.mark.parametrize("key", SETTINGS)
def test_networks(key: str) -> None:
    found = [name for name, entry in CARDS[key].arms.items() if entry.reading == "released"]
    assert len(found) >= 3
    for name in found:
        settings = methods.arm(name, CARDS[key]).settings()
        assert {option: settings[option] for option in SETTINGS[key]} == SETTINGS[key], name


def test_strides_of_cosams_aggregations() -> None:
    """All strides of stage 4 are 1 for TP and RNN; TA keeps 2, as its 8x4 convolution needs."""
    from methods.cosam.options import Options

    assert {kind: Options(aggregation=kind).stride for kind in ("tp", "rnn", "ta")} == {"tp": 1, "rnn": 1, "ta": 2}


@pytest.mark.parametrize("key", CARDS)
def test_published_recipes_compute_in_full_float32(key: str) -> None:
    """No released code here mixes precisions; the embedded profile takes what the machine has, and says so."""
    assert {recipe.precision for recipe in CARDS[key].recipes["paper"].values()} == {"fp32"}
    assert {recipe.precision for recipe in CARDS[key].recipes["embedded"].values()} == {"auto"}


def test_filters_of_the_sources() -> None:
    """TKP: torchvision's interpolation=3; GLTR: cv2; COSAM, ADFD and the baselines of JG: bilinear or not stated."""
    found = {
        key: {recipe.resize for name, recipe in card.recipes["paper"].items() if name != "start"}
        for key, card in CARDS.items()
    }
    assert found == {
        "gltr": {"opencv-linear"}, "tkp": {"bicubic"}, "cosam": {"bilinear"}, "vrstc": {"bilinear"},
        "adfd": {"bilinear"}, "baseline": {"bilinear", "opencv-linear"},
    }  # fmt: skip
    assert CARDS["baseline"].recipe("ce", "paper").resize == "opencv-linear"  # GLTR's first stage
    for card in CARDS.values():  # frames have the embedded size, and papers share their decoded frames
        assert {recipe.resize for recipe in card.recipes["embedded"].values()} == {"bilinear"}


def test_vrstcs_baseline_has_no_last_stride_wherever_it_stands() -> None:
    """The last spatial down-sampling is removed: 2048 x 16 x 8 at 256 x 128."""
    alone = methods.arm("baseline/vrstc-baseline")
    assert (alone.settings()["last_stride"], methods.arm("vrstc/baseline").settings()["last_stride"]) == (1, 1)
    stage = only(CARDS["baseline"].recipe(alone.recipe, "paper"))
    assert (stage.clip.length, stage.sampler.batch, stage.augment) == (4, 32, Augment(flip=0.5))
    assert (stage.optimizer.kind, stage.optimizer.lr, stage.optimizer.weight_decay) == ("adam", 3e-4, 5e-4)
    assert (stage.length.epochs, stage.schedule.milestones, stage.losses) == (150, (50, 100), {"cross_entropy": 1.0})
