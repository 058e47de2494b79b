"""Eight bits a channel: worked values, bounds, and files that are not what they should be."""

import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from methods import MethodError
from methods.layers.resnet import Trunk
from methods.starts.quantise import LARGEST, error_of, quantise, restore


def test_worked_values() -> None:
    weight = torch.tensor([[1.0, -0.5, 0.0], [127.0, 63.5, -1.5], [0.0, 0.0, 0.0]])
    stored = quantise({"conv": weight, "bn": torch.tensor([0.1, 3e5]), "bn.num_batches_tracked": torch.tensor(7)})
    assert set(stored) == {"conv", "conv.scale", "bn"}
    assert stored["conv"].tolist() == [[127, -64, 0], [127, 64, -2], [0, 0, 0]]  # 63.5 and 1.5: halves to even
    assert stored["conv.scale"].tolist() == pytest.approx([1 / 127, 1.0, 1.0])
    back = restore(stored, "file")
    assert back["conv"][1].tolist() == [127.0, 64.0, -2.0]
    assert torch.equal(back["bn"], torch.tensor([0.1, 3e5]))


@given(st.integers(0, 2**31), st.floats(-20, 20))
def test_no_weight_moves_by_more_than_half_a_step_of_its_channel(seed: int, magnitude: float) -> None:
    weight = torch.randn(5, 3, 3, 3, generator=torch.Generator().manual_seed(seed)) * 10**magnitude
    back = restore(quantise({"w": weight}), "file")["w"]
    step = weight.flatten(1).abs().amax(1) / LARGEST
    assert bool(((weight - back).abs().flatten(1).amax(1) <= 0.501 * step).all())
    error = error_of({"w": weight}, {"w": back})
    assert error.largest <= 0.501 / LARGEST
    assert 0 < error.mean < 0.05


def test_channels_do_not_know_of_one_another() -> None:
    weight = torch.randn(4, 6, generator=torch.Generator().manual_seed(1))
    loud = weight.clone()
    loud[2] *= 1000
    one, other = restore(quantise({"w": weight}), "")["w"], restore(quantise({"w": loud}), "")["w"]
    assert torch.equal(one[[0, 1, 3]], other[[0, 1, 3]])


@pytest.mark.parametrize("tiny", [1e-45, 1e-39, 1e-37])
def test_channels_too_small_for_a_scale_become_zero_or_stay(tiny: float) -> None:
    back = restore(quantise({"w": torch.full((1, 2), tiny)}), "")["w"]
    assert bool((back == 0).all()) or back.tolist() == [[pytest.approx(tiny, rel=0.01)] * 2]


def test_a_whole_resnet_50_is_a_quarter_of_its_size() -> None:
    trunk = Trunk(50)
    stored = quantise(trunk.state_dict())
    size = sum(value.numel() * value.element_size() for value in stored.values())
    assert 23_400_000 < size < 24_200_000
    trunk.load_start(restore(stored, "file"))


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"w": torch.tensor([[1.0, float("nan")]])}, "w holds values that are not finite"),
        ({"w": torch.ones(2, 2, dtype=torch.int64)}, "w holds torch.int64"),
        ({"w.scale": torch.ones(2, 2)}, "those of scales"),
    ],
)
def test_what_cannot_be_quantised_is_named(state: dict[str, Tensor], words: str) -> None:
    with pytest.raises(MethodError, match=re.escape(words)):
        quantise(state)


GOOD = {"w": torch.ones(2, 3, dtype=torch.int8), "w.scale": torch.ones(2), "b": torch.zeros(2)}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"w.scale": None}, "w is stored without scales"),
        ({"w": torch.ones(2, 3)}, "w is stored of torch.float32"),
        ({"w": None}, "w.scale has no tensor w"),
        ({"w.scale": torch.ones(3)}, "w.scale is torch.float32 [3], expected float32 [2]"),
        ({"w.scale": torch.tensor([1.0, float("inf")])}, "w.scale holds scales that are not positive and finite"),
        ({"w.scale": torch.tensor([1.0, 0.0])}, "w.scale holds scales that are not positive and finite"),
        ({"b": torch.zeros(2, dtype=torch.float16)}, "b is a vector of torch.float16"),
        ({"b": torch.tensor([0.0, float("nan")])}, "b holds values that are not finite"),
    ],
)
def test_a_file_of_another_form_is_named(change: dict[str, Tensor | None], words: str) -> None:
    broken = {name: value for name, value in {**GOOD, **change}.items() if value is not None}
    with pytest.raises(MethodError, match=re.escape(f"some.safetensors: {words}")):
        restore(broken, "some.safetensors")
