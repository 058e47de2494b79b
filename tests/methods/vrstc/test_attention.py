"""The temporal attention layer against loops, on random and on degenerate maps."""

import math

import pytest
import torch
from torch import Tensor

from methods.vrstc.attention import SMALL, PatchAttention, patch_similarity
from tests.methods.vrstc.patch_reference import plain_similarity


def looped_patch(maps: Tensor, row: int, column: int) -> Tensor:
    """The 3x3 patch ``[C, 3, 3]`` of maps ``[C, h, w]``, zeros beyond the border."""
    found = torch.zeros(maps.shape[0], 3, 3, dtype=maps.dtype)
    for i in range(3):
        for j in range(3):
            r, c = row + i - 1, column + j - 1
            if 0 <= r < maps.shape[1] and 0 <= c < maps.shape[2]:
                found[:, i, j] = maps[:, r, c]
    return found


def looped_similarity(current: Tensor, neighbour: Tensor) -> Tensor:
    """Position by position, ``[C, h, w]`` -> ``[P, P']``."""
    places = [(r, c) for r in range(current.shape[1]) for c in range(current.shape[2])]
    others = [(r, c) for r in range(neighbour.shape[1]) for c in range(neighbour.shape[2])]
    found = torch.zeros(len(places), len(others), dtype=current.dtype)
    for i, place in enumerate(places):
        for j, other in enumerate(others):
            a, b = looped_patch(current, *place).flatten(), looped_patch(neighbour, *other).flatten()
            lengths = float(a.norm()), float(b.norm())
            found[i, j] = float(a @ b) / (lengths[0] * lengths[1]) if min(lengths) > SMALL else 0.0
    return found


def looped_layer(current: Tensor, neighbour: Tensor, scale: float, value: str) -> Tensor:
    """Weighted sums position by position, ``[C, h, w]`` -> ``[C, h, w]``."""
    height, width = current.shape[1:]
    weights = (scale * looped_similarity(current, neighbour)).softmax(dim=1)
    found, overlap = torch.zeros_like(current), torch.zeros(height, width, dtype=current.dtype)
    for i in range(height * width):
        row, column = divmod(i, width)
        if value == "centre":
            for j in range(height * width):
                found[:, row, column] += weights[i, j] * neighbour[:, j // width, j % width]
            continue
        mixed = sum(weights[i, j] * looped_patch(neighbour, j // width, j % width) for j in range(height * width))
        for a in range(3):
            for b in range(3):
                r, c = row + a - 1, column + b - 1
                if 0 <= r < height and 0 <= c < width:
                    found[:, r, c] += mixed[:, a, b]
                    overlap[r, c] += 1
    return found if value == "centre" else found / overlap


def maps(kind: str, size: tuple[int, int] = (5, 4)) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    both = torch.randn(2, 3, 6, *size, generator=generator)
    if kind == "constant":
        both[1] = 2.0
    if kind == "zero":
        both[1] = 0.0
    if kind == "both-zero":
        both[:] = 0.0
    if kind == "zero-corner":
        both[:, :, :, :3, :3] = 0.0  # the corner's patch is zero, those beside it are not
    return both[0], both[1]


KINDS = ["random", "constant", "zero", "both-zero", "zero-corner"]


@pytest.mark.parametrize("kind", KINDS)
def test_similarity_equals_loops_and_the_plain_one(kind: str) -> None:
    current, neighbour = maps(kind)
    found = patch_similarity(current, neighbour)
    expected = torch.stack([looped_similarity(a, b) for a, b in zip(current, neighbour, strict=True)])
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-6)
    torch.testing.assert_close(plain_similarity(current, neighbour), expected, rtol=0, atol=2e-6)
    assert -1 <= found.min() <= found.max() <= 1


@pytest.mark.parametrize("size", [(1, 1), (1, 4), (3, 1), (2, 2)])
def test_similarity_of_narrow_maps(size: tuple[int, int]) -> None:
    current, neighbour = maps("random", size)
    expected = torch.stack([looped_similarity(a, b) for a, b in zip(current, neighbour, strict=True)])
    torch.testing.assert_close(patch_similarity(current, neighbour), expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("value", ["centre", "patch"])
@pytest.mark.parametrize("kind", KINDS)
def test_layer_equals_loops(kind: str, value: str) -> None:
    current, neighbour = maps(kind)
    found = PatchAttention(4.0, value)(current, neighbour)
    expected = torch.stack([looped_layer(a, b, 4.0, value) for a, b in zip(current, neighbour, strict=True)])
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_at_the_papers_size_weights_of_512_positions_sum_to_one() -> None:
    generator = torch.Generator().manual_seed(0)
    current, neighbour = torch.randn(2, 1, 16, 32, 16, generator=generator)
    weights = PatchAttention(10.0, "centre").weights(current, neighbour)
    assert weights.shape == (1, 512, 512)
    torch.testing.assert_close(weights.sum(dim=2), torch.ones(1, 512))
    itself = patch_similarity(current, current)[0].diagonal()
    torch.testing.assert_close(itself, torch.ones(512), rtol=0, atol=1e-5)


def test_scale_one_is_nearly_uniform_and_ten_is_not() -> None:
    """The largest weight that any cosines allow: one position at +1, all 511 others at -1."""
    bound = math.exp(2) / (math.exp(2) + 511)
    assert bound == pytest.approx(0.0143, abs=5e-5)
    cosines = torch.full((512,), -1.0)
    cosines[7] = 1.0
    assert float(cosines.softmax(dim=0).max()) == pytest.approx(bound, rel=1e-5)
    assert float((10 * cosines).softmax(dim=0).max()) > 0.999
    current = torch.randn(1, 16, 32, 16, generator=torch.Generator().manual_seed(0))
    assert float(PatchAttention(1.0, "centre").weights(current, current).max()) < bound
    assert float(PatchAttention(10.0, "centre").weights(current, current).max()) > 0.9


def test_a_sharp_layer_finds_a_shifted_frame_again() -> None:
    """The neighbour is the frame, moved by two columns: inside, the layer moves it back."""
    wide = torch.randn(1, 8, 9, 12, generator=torch.Generator().manual_seed(0))
    current, neighbour = wide[..., :10], wide[..., 2:]
    for value in ("centre", "patch"):
        found = PatchAttention(200.0, value)(current, neighbour)
        torch.testing.assert_close(found[:, :, 2:-2, 4:-2], current[:, :, 2:-2, 4:-2], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_finite_also_where_patches_have_no_direction(kind: str) -> None:
    current, neighbour = (x.requires_grad_() for x in maps(kind))
    PatchAttention(10.0, "patch")(current, neighbour).square().sum().backward()
    assert current.grad.isfinite().all()
    assert neighbour.grad.isfinite().all()
    assert current.grad.abs().max() < 1e3


def test_gradient_of_the_similarity_is_that_of_the_plain_one() -> None:
    found = []
    for similarity in (patch_similarity, plain_similarity):
        current, neighbour = (x.double().requires_grad_() for x in maps("random"))
        similarity(current, neighbour).pow(3).sum().backward()
        found.append((current.grad, neighbour.grad))
    torch.testing.assert_close(found[0], found[1])


def test_cosines_keep_their_precision_under_autocast() -> None:
    current, neighbour = maps("random")
    expected = PatchAttention(10.0, "centre")(current, neighbour)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(PatchAttention(10.0, "centre")(current, neighbour), expected)
