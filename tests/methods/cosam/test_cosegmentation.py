"""The COSAM module: cost volume, the product that avoids it, masks, and what depends on the order of frames."""

import math

import pytest
import torch
from torch import Tensor, nn

import methods
from methods.cosam.cosegmentation import Cosam, standardise, summarise
from methods.cosam.options import READINGS, Options
from tests.methods.cosam.cost_volume_reference import cost_volume

PAPER, RELEASED = Options(), Options(**READINGS["released"])


def seeded(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def module(channels: int = 24, size: tuple[int, int] = (4, 3), seed: int = 0, **options: object) -> Cosam:
    """A small one whose summary weights are large enough for the masks to differ."""
    torch.manual_seed(seed)
    made = Cosam(channels, size, Options(**{"reduce_small": 16, **options}))
    with torch.no_grad():
        made.summary[0].weight.mul_(8)
    return made.eval()


def loop_volume(x: Tensor, correction: int) -> Tensor:
    """The definition, in Python floats: position by position, frame by frame; from descriptors ``[T, D, P]``."""
    frames, width, positions = x.shape
    values = x.double().tolist()

    def normal(t: int, p: int) -> list[float]:
        column = [values[t][d][p] for d in range(width)]
        mean = sum(column) / width
        deviation = math.sqrt(sum((v - mean) ** 2 for v in column) / (width - correction))
        return [(v - mean) / (deviation + 1e-4) for v in column]

    ready = [[normal(t, p) for p in range(positions)] for t in range(frames)]
    found = torch.zeros(frames, (frames - 1) * positions, positions)
    for n in range(frames):
        for rank, m in enumerate(frame for frame in range(frames) if frame != n):
            for q in range(positions):
                for p in range(positions):
                    dot = sum(a * b for a, b in zip(ready[m][q], ready[n][p], strict=True))
                    found[n, rank * positions + q, p] = dot / width
    return found


def degenerate(frames: int) -> dict[str, Tensor]:
    """Descriptors ``[1, T, D, P]`` on which a correlation could break."""
    x = seeded(1, frames, 8, 6)
    constant = x.clone()
    constant[:, 0] = 3.0
    constant[:, :, :, 2] = 0.0
    return {
        "random": x,
        "identical frames": x[:, :1].expand(-1, frames, -1, -1).contiguous(),
        "some constant": constant,
        "all constant": torch.full_like(x, 0.7),
        "opposite": torch.cat([x[:, :1], -x[:, :1], x[:, 2:]], dim=1),
        "tiny": x * 1e-5,
        "far from zero": x + 100.0,
    }


@pytest.mark.parametrize("std", ["unbiased", "biased"])
@pytest.mark.parametrize("frames", [2, 3, 4])
@pytest.mark.parametrize("kind", degenerate(4))
def test_volume_and_fast_path_against_the_literal_loop(kind: str, frames: int, std: str) -> None:
    x = degenerate(frames)[kind]
    expected = loop_volume(x[0], correction=int(std == "unbiased"))
    ready = standardise(x, std)
    volume = cost_volume(ready)
    tolerance = 1e-3 if kind == "far from zero" else 1e-5  # there the descriptors themselves are rounded
    torch.testing.assert_close(volume[0], expected, rtol=0, atol=tolerance)
    for rows in (1, 5):
        weight = seeded(rows, volume.shape[2], seed=1)
        torch.testing.assert_close(summarise(ready, weight), weight @ volume, rtol=0, atol=1e-5)
        torch.testing.assert_close(summarise(ready, weight)[0], weight @ expected, rtol=0, atol=20 * tolerance)


def test_gradients_of_the_fast_path_are_those_of_the_volume() -> None:
    found = []
    for way in (summarise, lambda x, w: w @ cost_volume(x)):
        x, weight = seeded(2, 4, 8, 6).requires_grad_(), seeded(3, 18, seed=1).requires_grad_()
        (way(standardise(x, "unbiased"), weight) ** 2).sum().backward()
        found.append((x.grad, weight.grad))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("std", ["unbiased", "biased"])
def test_constant_descriptors_have_a_finite_gradient(std: str) -> None:
    x = torch.zeros(1, 2, 8, 4, requires_grad=True)
    summarise(standardise(x, std), torch.ones(1, 4)).sum().backward()
    assert x.grad.isfinite().all()


def test_channel_order_by_hand() -> None:
    """Frame 1 of three equals frame 0 at one position and frame 2 at another, and nothing else does."""
    x = torch.zeros(1, 3, 4, 2)
    basis = torch.eye(4)
    x[0, 0, :, 0], x[0, 0, :, 1] = basis[0], basis[1]
    x[0, 1, :, 0], x[0, 1, :, 1] = basis[0], basis[2]
    x[0, 2, :, 0], x[0, 2, :, 1] = basis[3], basis[2]
    volume = cost_volume(standardise(x, "biased"))[0, 1]  # [2 x 2 channels, 2 positions]
    alike = (volume > 0.99).nonzero().tolist()
    assert alike == [[0, 0], [3, 1]]  # rank 0 is frame 0, position 0; rank 1 is frame 2, position 1


@pytest.mark.parametrize(("std", "expected"), [("unbiased", 255 / 256), ("biased", 1.0)])
def test_correlation_of_identical_descriptors(std: str, expected: float) -> None:
    x = seeded(1, 1, 256, 12).relu().expand(-1, 4, -1, -1)
    volume = cost_volume(standardise(x, std))[0]
    for n in range(4):
        for rank in range(3):
            same = volume[n, rank * 12 : (rank + 1) * 12].diagonal()
            assert same.min() > expected - 1e-3
            assert same.max() <= expected + 1e-6
    assert round(255 / 256, 3) == 0.996


def test_correlations_lie_between_minus_one_and_one() -> None:
    x = seeded(2, 4, 16, 20)
    x[0, 1] = -x[0, 0]
    volume = cost_volume(standardise(x, "biased"))
    assert -1 - 1e-6 <= volume.min() < -0.99
    assert volume.max() <= 1 + 1e-6


@pytest.mark.parametrize(
    ("width", "size", "channels"),
    [(256, (16, 8), 384), (256, (32, 16), 1536), (64, (64, 32), 6144)],
)
def test_size_of_the_volume_that_is_never_formed(width: int, size: tuple[int, int], channels: int) -> None:
    x = torch.empty(1, 4, width, size[0] * size[1], device="meta")
    volume = cost_volume(x)
    assert volume.shape == (1, 4, channels, size[0] * size[1])
    if channels == 6144:
        assert round(volume[0, 0].numel() * 4 / 1e6) == 50  # MB a frame
    assert summarise(x, torch.empty(64, channels, device="meta")).shape == (1, 4, 64, size[0] * size[1])


TABLE = {  # channels, map, reading -> parameters for T = 2, 4, 8
    (64, (64, 32)): (143_937, 406_081, 930_369),
    (256, (64, 32)): (180_993, 443_137, 967_425),
    (512, (32, 16)): (427_777, 493_313, 624_385),
    (1024, (16, 8)): (796_929, 813_313, 846_081),
    (2048, (16, 8)): (1_584_385, 1_600_769, 1_633_537),
    (2048, (8, 4)): (1_578_241, 1_582_337, 1_590_529),
}


@pytest.mark.parametrize(("channels", "size"), TABLE)
def test_parameters_as_released(channels: int, size: tuple[int, int]) -> None:
    for clip, expected in zip((2, 4, 8), TABLE[channels, size], strict=True):
        with torch.device("meta"):
            made = Cosam(channels, size, Options(**{**READINGS["released"], "clip": clip}))
        assert sum(p.numel() for p in made.parameters()) == expected


@pytest.mark.parametrize(("options", "summary"), [(RELEASED, 24_833), (PAPER, 385)])
def test_parameters_of_its_parts(options: Options, summary: int) -> None:
    with torch.device("meta"):
        made = Cosam(1024, (16, 8), options)
    parts = [sum(p.numel() for p in part.parameters()) for part in (made.reduce, made.summary, made.channel)]
    assert parts == [262_912, summary, 525_568]


@torch.no_grad()
@pytest.mark.parametrize(("channel", "extra"), [("multiply", 0.0), ("residual", 1.0)])
@pytest.mark.parametrize("summary", ["one", "two"])
def test_masks_and_output(channel: str, extra: float, summary: str) -> None:
    made, maps = module(channel=channel, summary=summary), seeded(8, 24, 4, 3)
    out, spatial = made.with_mask(maps)
    assert out.shape == maps.shape
    assert spatial.shape == (8, 1, 4, 3)
    assert 0 < spatial.min() < spatial.max() < 1
    assert spatial.std(dim=(2, 3)).min() > 1e-4
    mask = made.channel_mask(maps * spatial)
    assert mask.shape == (8, 24, 1, 1)
    for clip in mask.split(4):
        assert (clip == clip[:1]).all()
    assert not torch.equal(mask[0], mask[4])
    torch.testing.assert_close(out, (maps * spatial) * (extra + mask), rtol=0, atol=1e-6)
    assert torch.equal(out, made(maps))


@torch.no_grad()
def test_spatial_mask_against_a_convolution_over_the_literal_volume() -> None:
    for summary in ("one", "two"):
        made, maps = module(summary=summary), seeded(4, 24, 4, 3)
        reduced = made.reduce(maps).flatten(2)  # [T, D, P]
        volume = loop_volume(reduced, correction=1).reshape(4, 36, 4, 3)
        torch.testing.assert_close(made.spatial_mask(maps), made.summary(volume).sigmoid(), rtol=0, atol=1e-5)


@torch.no_grad()
def test_channel_mask_against_loops() -> None:
    made, masked = module(), seeded(8, 24, 4, 3)
    first, second = made.channel[0], made.channel[2]
    found = made.channel_mask(masked)[..., 0, 0]
    for clip in range(2):
        total = torch.zeros(24)
        for t in range(4):
            pooled = masked[4 * clip + t].mean(dim=(1, 2))
            total += (second.weight @ (first.weight @ pooled + first.bias).tanh() + second.bias).sigmoid()
        torch.testing.assert_close(found[4 * clip], total / 4)


@torch.no_grad()
def test_identical_frames_have_identical_masks() -> None:
    maps = seeded(1, 24, 4, 3).expand(4, -1, -1, -1)
    spatial = module().spatial_mask(maps)
    torch.testing.assert_close(spatial, spatial[:1].expand(4, -1, -1, -1), rtol=0, atol=1e-6)
    assert spatial.std() > 1e-4


@torch.no_grad()
def test_swapping_two_frames_moves_their_masks_and_changes_the_others() -> None:
    made, maps = module(), seeded(4, 24, 4, 3)
    before, after = made.spatial_mask(maps), made.spatial_mask(maps[[1, 0, 2, 3]])
    torch.testing.assert_close(after[:2], before[[1, 0]], rtol=0, atol=1e-6)
    assert (after[2:] - before[2:]).abs().amax(dim=(1, 2, 3)).min() > 1e-3


@torch.no_grad()
def test_clips_meet_in_the_batch_statistics_of_training_only() -> None:
    made, maps, other = module(), seeded(4, 24, 4, 3), seeded(4, 24, 4, 3, seed=1) * 3
    alone = made(maps)
    torch.testing.assert_close(made(torch.cat([maps, other]))[:4], alone, rtol=0, atol=1e-6)
    made.train()
    assert (made(torch.cat([maps, other]))[:4] - made(maps)).abs().max() > 1e-3


@torch.no_grad()
def test_uniform_masks_are_the_means_of_the_learned_ones() -> None:
    made, maps = module(channel="residual"), seeded(8, 24, 4, 3)
    spatial = made.spatial_mask(maps)
    made.uniform = True
    even = spatial.mean(dim=(2, 3), keepdim=True).expand_as(spatial)
    torch.testing.assert_close(made.spatial_mask(maps), even)
    masked = maps * even
    made.uniform = False
    mask = made.channel_mask(masked)
    made.uniform = True
    expected = masked * (1 + mask.mean(dim=1, keepdim=True))
    torch.testing.assert_close(made(maps), expected)


@pytest.mark.parametrize("shape", [(3, 24, 4, 3), (4, 24, 3, 4), (4, 24, 4, 4), (6, 24, 4, 3)])
def test_other_clips_and_maps_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(methods.MethodError, match=r"clips of 4 frames and maps of 4 x 3, as its summary"):
        module()(torch.randn(shape))


def test_one_frame_has_nothing_to_be_compared_with() -> None:
    with pytest.raises(methods.MethodError, match="clip = 1 leaves COSAM nothing"):
        Cosam(24, (4, 3), Options(clip=1, blocks="none"))
    with pytest.raises(methods.MethodError, match="clip = 1 leaves COSAM nothing"):
        methods.create("cosam", 5, clip=1)


@torch.no_grad()
def test_correlation_stays_in_float32_under_autocast() -> None:
    """Descriptors that differ by less than bf16 can hold beside their mean are told apart all the same."""
    made = module()
    made.reduce = nn.Identity()
    x = 100 + 0.1 * seeded(4, 24, 4, 3)
    exact = made.spatial_mask(x)
    with torch.autocast("cpu", torch.bfloat16):
        found = made.spatial_mask(x)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, exact, rtol=0, atol=1e-6)


@torch.no_grad()
@pytest.mark.parametrize("summary", ["one", "two"])
def test_the_whole_module_runs_under_autocast(summary: str) -> None:
    made, maps = module(summary=summary), seeded(4, 24, 4, 3)
    with torch.autocast("cpu", torch.bfloat16):
        out = made(maps.bfloat16())
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.float(), made(maps), rtol=0, atol=0.05)
