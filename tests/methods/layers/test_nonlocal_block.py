"""The non-local block against loops, its identities, what it must not see, and which kernel computes it."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode

import methods
from methods.layers.nonlocal_block import (
    NonLocal,
    NonLocalTrunk,
    fused_attention,
    plain_attention,
)
from methods.layers.resnet import Trunk
from tests.methods.layers.attention_kernels import kernel_of


def awake(block: nn.Module, size: float = 0.3) -> nn.Module:
    """Away from the identity, with batch norm statistics that are not trivial."""
    for module in block.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1, size)
            nn.init.normal_(module.bias, std=size)
            nn.init.normal_(module.running_mean, std=size)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return block.eval()


def block_of(channels: int, scale: float = 1.0, seed: int = 0) -> NonLocal:
    torch.manual_seed(seed)
    return awake(NonLocal(channels, scale))


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_parameters_of_blocks_and_of_the_video_network() -> None:
    with torch.device("meta"):
        assert count(NonLocal(512)) == 526_592
        assert count(NonLocal(1024)) == 2_101_760
        network = NonLocalTrunk(50, last_stride=1)
    assert count(network) == 23_508_032 + 2 * 526_592 + 3 * 2_101_760 == 30_866_496
    assert len(network.state_dict()) == 383


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("size", [(8, 4), (5, 3), (1, 1), (1, 4), (3, 1)])
def test_starts_as_the_identity_on_maps_of_any_size(training: bool, size: tuple[int, int]) -> None:
    maps, mask = torch.randn(2, 3, 8, *size), torch.ones(2, 3, dtype=torch.bool)
    assert torch.equal(NonLocal(8).train(training)(maps, mask), maps)


def test_initial_weights_have_the_stated_deviation() -> None:
    torch.manual_seed(0)
    block = NonLocal(512)
    for conv, width in ((block.theta, 256), (block.phi, 256), (block.g, 256), (block.out, 512)):
        assert float(conv.weight.detach().std()) == pytest.approx((2 / width) ** 0.5, rel=0.02)
        assert conv.bias is not None


def by_loops(block: NonLocal, frames: Tensor) -> Tensor:
    """One clip ``[T, C, h, w]``, position by position, from the weights alone."""
    t, _, h, w = frames.shape

    def conv(layer: nn.Conv2d, x: Tensor) -> Tensor:
        return layer.weight[:, :, 0, 0] @ x + layer.bias

    def windows(layer: nn.Conv2d) -> list[Tensor]:
        found = []
        for frame in frames:
            for y in range(0, max(1, h - h % 2), 2):
                for x in range(0, max(1, w - w % 2), 2):
                    cells = [(a, b) for a in (y, y + 1) for b in (x, x + 1) if a < h and b < w]
                    found.append(torch.stack([conv(layer, frame[:, a, b]) for a, b in cells]).amax(dim=0))
        return found

    keys, values = windows(block.phi), windows(block.g)
    result = frames.clone()
    for i in range(t):
        for y in range(h):
            for x in range(w):
                query = conv(block.theta, frames[i, :, y, x])
                weights = torch.stack([block.scale * (query @ key) for key in keys]).softmax(dim=0)
                mixed = sum(a * b for a, b in zip(weights, values, strict=True))
                z = (conv(block.out, mixed) - block.norm.running_mean) / (block.norm.running_var + 1e-5).sqrt()
                result[i, :, y, x] += z * block.norm.weight + block.norm.bias
    return result


@torch.no_grad()
@pytest.mark.parametrize("size", [(4, 2), (5, 3), (1, 3), (2, 1), (1, 1)])
@pytest.mark.parametrize("scale", [1.0, 6**-0.5])
def test_against_loops_over_positions(size: tuple[int, int], scale: float) -> None:
    block, lengths = block_of(12, scale), (3, 1, 2)
    maps = torch.randn(3, 3, 12, *size)
    mask = torch.arange(3) < torch.tensor(lengths)[:, None]
    found = block(maps, mask)
    for b, length in enumerate(lengths):
        torch.testing.assert_close(found[b, :length], by_loops(block, maps[b, :length]), atol=1e-5, rtol=1e-5)
    assert not found[~mask].any()


CASES = {
    "random": lambda q, k, v: (q, k, v),
    "sharp logits, a thousand wide": lambda q, k, v: (30 * q, k, v),
    "one-hot weights": lambda q, k, v: (1e4 * q, k, v),
    "all keys alike": lambda q, k, v: (q, k[:, :1].expand_as(k), v),
    "all zero": lambda q, k, v: (0 * q, 0 * k, 0 * v),
    "one key": lambda q, k, v: (q, k[:, :1], v[:, :1]),
    "one query": lambda q, k, v: (q[:, :1], k, v),
    "channels first in memory": lambda q, k, v: tuple(x.mT.contiguous().mT for x in (q, k, v)),
}


@pytest.mark.parametrize("scale", [1.0, 0.25])
@pytest.mark.parametrize("case", CASES)
def test_fused_attention_is_the_plain_one(case: str, scale: float) -> None:
    torch.manual_seed(0)
    inputs = CASES[case](torch.randn(2, 70, 16), torch.randn(2, 33, 16), torch.randn(2, 33, 16))
    results = []
    for attention in (fused_attention, plain_attention):
        leaves = [x.detach().clone().requires_grad_() for x in inputs]
        found = attention(*leaves, scale)
        found.square().sum().backward()
        results.append((found.detach(), *(leaf.grad for leaf in leaves)))
    size = float(inputs[0].abs().max()) + 1
    torch.testing.assert_close(results[0][0], results[1][0], atol=1e-5, rtol=1e-5)
    for fused, plain in zip(results[0][1:], results[1][1:], strict=True):
        torch.testing.assert_close(fused, plain, atol=1e-4 * size, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("lengths", [(4, 4), (4, 2), (1, 3)])
def test_a_block_with_either_attention_gives_the_same_also_with_padding(lengths: tuple[int, int]) -> None:
    block, maps = block_of(32), torch.randn(2, 4, 32, 6, 4)
    mask = torch.arange(4) < torch.tensor(lengths)[:, None]
    maps[~mask] = float("nan")
    fused = block(maps, mask)
    block.attention = plain_attention
    torch.testing.assert_close(fused, block(maps, mask), atol=1e-5, rtol=1e-5)
    assert fused.isfinite().all()


def test_padding_is_in_no_statistic_and_no_gradient() -> None:
    maps, mask = torch.randn(2, 4, 8, 4, 2), torch.tensor([[True] * 4, [True, True, False, False]])
    seen = []
    for filling in (0.0, 1e3, float("nan")):
        torch.manual_seed(0)
        block, inputs = NonLocal(8), maps.clone()
        nn.init.ones_(block.norm.weight)
        inputs[~mask] = filling
        block.train()(inputs, mask).square().sum().backward()
        gradient = torch.cat([p.grad.flatten() for p in block.parameters()])
        seen.append(torch.cat([block.norm.running_mean, block.norm.running_var, gradient]))
    assert torch.equal(seen[0], seen[1])
    assert torch.equal(seen[0], seen[2])


@torch.no_grad()
def test_sees_all_frames_of_its_clip_and_no_other_clip() -> None:
    block, maps = block_of(8, scale=0.1), torch.randn(2, 4, 8, 4, 2)
    mask = torch.ones(2, 4, dtype=torch.bool)
    before = block(maps, mask)
    changed = maps.clone()
    changed[0, 3, :, 3, 1] += 5  # one corner of the last frame
    after = block(changed, mask)
    assert ((after - before)[0].abs().amax(dim=1) > 1e-5).all()
    torch.testing.assert_close(after[1], before[1])


@torch.no_grad()
def test_has_no_sense_of_order() -> None:
    block, maps, order = block_of(8), torch.randn(1, 5, 8, 4, 2), torch.tensor([3, 0, 4, 1, 2])
    mask = torch.ones(1, 5, dtype=torch.bool)
    torch.testing.assert_close(block(maps[:, order], mask), block(maps, mask)[:, order], atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_scale_zero_gives_every_position_the_mean_value() -> None:
    query, key, value = torch.randn(2, 6, 4), torch.randn(2, 5, 4), torch.randn(2, 5, 4)
    torch.testing.assert_close(fused_attention(query, key, value, 0.0), value.mean(dim=1, keepdim=True).expand(2, 6, 4))


@torch.no_grad()
@pytest.mark.parametrize("attention", [fused_attention, plain_attention])
def test_attention_is_float32_under_autocast(attention: Any) -> None:
    torch.manual_seed(0)
    query, key, value = 4 * torch.randn(1, 20, 64), torch.randn(1, 9, 64), torch.randn(1, 9, 64)
    expected = attention(query, key, value)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = attention(query, key, value)
        rounded = (query @ key.mT).softmax(dim=2) @ value  # what autocast would have made of it
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)
    assert (rounded.float() - expected).abs().max() > 1e-2


def test_a_block_runs_and_learns_under_autocast() -> None:
    block, maps = block_of(8), torch.randn(2, 3, 8, 4, 2)
    mask = torch.tensor([[True, True, True], [True, False, False]])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = block(maps, mask)
    found.float().square().sum().backward()
    assert all(p.grad.isfinite().all() for p in block.parameters())
    with torch.no_grad():
        assert float((found - block(maps, mask)).abs().max()) < 0.1


class Largest(TorchDispatchMode):
    """The size of the largest tensor that any operator returns."""

    def __init__(self) -> None:
        super().__init__()
        self.numel = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for value in result if isinstance(result, tuple | list) else (result,):
            if isinstance(value, Tensor):
                self.numel = max(self.numel, value.numel())
        return result


@pytest.mark.parametrize(("attention", "holds"), [(fused_attention, False), (plain_attention, True)])
def test_the_fused_kernel_never_holds_the_matrix_of_weights(attention: Any, holds: bool) -> None:
    query = torch.randn(1, 1024, 8, requires_grad=True)
    key = torch.randn(1, 256, 8, requires_grad=True)
    with Largest() as largest:
        attention(query, key, key, 1.0).sum().backward()
    assert (largest.numel >= 1024 * 256) == holds
    assert holds or largest.numel <= 1024 * 8


def test_says_which_kernel_runs() -> None:
    query, key = torch.randn(1, 64, 16), torch.randn(1, 16, 16)
    assert kernel_of(query, key, key) == "flash_attention_for_cpu"
    assert kernel_of(query.mT.contiguous().mT, key, key) == "flash_attention_for_cpu"  # as it comes from a map
    with sdpa_kernel(SDPBackend.MATH):
        assert kernel_of(query, key, key) == "math"


def test_places_in_trunks() -> None:
    with torch.device("meta"):
        names = [name for name, block in NonLocalTrunk(50).nonlocals.named_modules() if isinstance(block, NonLocal)]
        assert names == ["layer2.1", "layer2.3", "layer3.1", "layer3.3", "layer3.5"]
        small = NonLocalTrunk(18).nonlocals
        assert [len(small[stage]) for stage in small] == [1, 1]
        assert not list(NonLocalTrunk(18, places={}).nonlocals.parameters())
        assert NonLocalTrunk(18, places={"layer1": [0]}).nonlocals["layer1"]["0"].theta.in_channels == 64


@pytest.mark.parametrize(
    ("places", "message"),
    [
        ({"layer2": (1, 2)}, r"no residual block layer2\.2 .* layer2: 2"),
        ({"layer5": (0,)}, r"no residual block layer5\.0"),
    ],
)
def test_a_place_that_does_not_exist_is_named(places: dict[str, tuple[int, ...]], message: str) -> None:
    with pytest.raises(methods.MethodError, match=message):
        NonLocalTrunk(18, places=places)


@torch.no_grad()
def test_each_block_follows_its_residual_block() -> None:
    torch.manual_seed(0)
    network = awake(NonLocalTrunk(18, last_stride=1)).eval()
    order: list[str] = []
    for name, module in network.named_modules():
        if name.startswith("trunk.layer") and name.count(".") == 2:
            module.register_forward_hook(lambda *_, name=name: order.append(name))
    for block in network.nonlocals.modules():
        if isinstance(block, NonLocal):
            plain = block.of_frames

            def heard(rows: Tensor, lengths: list[int], plain: Any = plain, block: NonLocal = block) -> Tensor:
                order.append(f"nonlocal {block.theta.in_channels}")
                return plain(rows, lengths)

            block.of_frames = heard
    mask = torch.tensor([[True, True], [True, False]])
    assert network(torch.randn(2, 2, 3, 64, 32), mask).shape == (3, 512, 4, 2)
    around = [order[max(0, i - 1) : i + 2] for i, name in enumerate(order) if name.startswith("nonlocal")]
    assert around == [
        ["trunk.layer2.1", "nonlocal 128", "trunk.layer3.0"],
        ["trunk.layer3.1", "nonlocal 256", "trunk.layer4.0"],
    ]


@torch.no_grad()
def test_without_blocks_it_is_the_plain_trunk() -> None:
    torch.manual_seed(0)
    trunk = awake(Trunk(18, last_stride=1)).eval()
    clips, mask = torch.randn(2, 2, 3, 64, 32), torch.tensor([[True, True], [True, False]])
    for places in ({}, None):  # no blocks, and blocks that are still the identity
        network = NonLocalTrunk(18, 1, places).eval()
        network.trunk.load_state_dict(trunk.state_dict())
        torch.testing.assert_close(network(clips, mask), trunk(clips[mask]))


def test_an_odd_number_of_channels_is_refused() -> None:
    with pytest.raises(methods.MethodError, match="3 channels"):
        NonLocal(3)
