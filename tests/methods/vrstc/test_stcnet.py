"""STCnet completes frames: sizes, what is painted and what is not, who stands beside a frame."""

from itertools import product

import pytest
import torch
from torch import Tensor, nn

import methods
from methods.vrstc.discriminator import Discriminator
from methods.vrstc.generators import encoder
from methods.vrstc.neighbours import fill_ends, least_hidden, nearest
from methods.vrstc.pixel_range import to_normalised, to_unit
from methods.vrstc.stcnet import STCNet

IDS = 5


def stcnet(size: tuple[int, int] = (32, 16), **options: object) -> STCNet:
    torch.manual_seed(0)
    return methods.create(
        "vrstc", IDS, frame_size=size, **{"network": "stcnet", "depth": 18, "width": 4, **options}
    ).eval()


def only(generator: str, **options: object) -> STCNet:
    return stcnet(generator=generator, local_d=False, global_d=False, identity=False, **options)


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_parameters_of_the_reconstruction_at_the_papers_size() -> None:
    with torch.device("meta"):
        network = methods.create("vrstc", 625, frame_size=(128, 64), network="stcnet")
        alone = methods.create("vrstc", 625, frame_size=(128, 64), network="stcnet", generator="spa-ae")
        small = methods.create("vrstc", 625, frame_size=(64, 32), network="stcnet")
    assert count(network.guider) == 24_788_657
    assert count(network.spatial) == 4_126_083
    assert count(network.temporal) == 12_112_259
    assert count(alone.temporal) == 12_112_259, "a second auto-encoder of the same size"
    assert {name: count(d) for name, d in network.discriminators.items()} == {"local": 6_271_617, "global": 6_271_617}
    assert 0.06 < count(small.temporal) / count(network.temporal) < 0.065, (
        "a quarter of the width, a sixteenth of it all"
    )


@torch.no_grad()
def test_maps_are_a_quarter_and_frames_come_back_whole() -> None:
    assert encoder(3, 4, (2, 4, 8, 16))(torch.zeros(2, 3, 128, 64)).shape == (2, 16, 32, 16)
    for size, up_kernel in product([(128, 64), (37, 18)], (3, 4)):
        network = stcnet(size, up_kernel=up_kernel)
        frames = torch.rand(2, 3, *size) * 2 - 1
        painted = network.spatial(frames)
        assert painted.shape == frames.shape
        assert painted.abs().max() <= 1
        assert network.temporal(frames, frames, frames).shape == frames.shape


def test_convolutions_are_as_stated() -> None:
    convs = [layer for layer in encoder(3, 4, (2, 4, 8, 16)) if isinstance(layer, nn.Conv2d)]
    assert [conv.kernel_size for conv in convs] == [(3, 3)] * 9
    assert [conv.stride[0] for conv in convs] == [1, 2, 1, 2, 1, 1, 1, 1, 1]
    assert [conv.dilation[0] for conv in convs] == [1, 1, 1, 1, 1, 2, 4, 8, 16]


@torch.no_grad()
@pytest.mark.parametrize(
    ("size", "left"), [((128, 64), (2, 1)), ((43, 64), (1, 1)), ((42, 64), (1, 1)), ((64, 32), (1, 1))]
)
def test_six_strides_leave(size: tuple[int, int], left: tuple[int, int]) -> None:
    judge = Discriminator(size, 2)
    assert judge.convs(torch.zeros(1, 3, *size)).shape == (1, 16, *left)
    assert judge(torch.zeros(3, 3, *size)).shape == (3,)
    assert [conv.stride for conv in judge.convs if isinstance(conv, nn.Conv2d)] == [(2, 2)] * 6


def test_scaling_is_its_own_inverse() -> None:
    unit = torch.rand(2, 3, 4, 5) * 2 - 1
    torch.testing.assert_close(to_unit(to_normalised(unit)), unit)
    black, white = (torch.full((1, 3, 1, 1), value) for value in (-1.0, 1.0))
    assert to_normalised(black).flatten().tolist() == pytest.approx([-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225])
    assert to_normalised(white).flatten().tolist() == pytest.approx([0.515 / 0.229, 0.544 / 0.224, 0.594 / 0.225])


@torch.no_grad()
@pytest.mark.parametrize("generator", ["spa", "spa-ae", "spa-tae", "spa-tem"])
def test_outside_of_the_mask_both_completions_are_the_frame(generator: str) -> None:
    network = only(generator)
    frames = torch.rand(3, 3, 32, 16) * 2 - 1
    neighbours = [(torch.rand(3, 3, 32, 16), torch.tensor([False, True, False]))] * 2
    hidden = torch.zeros(3, 1, 32, 16, dtype=torch.bool)
    nothing = network.complete(frames, hidden, neighbours)
    assert torch.equal(nothing.first, frames)
    assert torch.equal(nothing.last, frames)
    hidden[:, :, 10:20, 3:9] = True
    done = network.complete(frames, hidden, neighbours)
    for image in (done.first, done.last):
        assert torch.equal(image.masked_fill(hidden, 0), frames.masked_fill(hidden, 0))
        assert (image != frames).all(dim=1, keepdim=True).logical_and(hidden).sum() == hidden.sum()
    assert torch.equal(done.first, done.last) == (generator == "spa")


@torch.no_grad()
@pytest.mark.parametrize("generator", ["spa-ae", "spa-tae", "spa-tem"])
def test_only_generators_of_time_see_the_neighbours(generator: str) -> None:
    network = only(generator)
    frames = torch.rand(2, 3, 32, 16)
    hidden = torch.zeros(2, 1, 32, 16, dtype=torch.bool)
    hidden[:, :, :10] = True
    real = torch.zeros(2, dtype=torch.bool)
    found = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        done = network.complete(frames, hidden, [(torch.rand(2, 3, 32, 16), real), (torch.rand(2, 3, 32, 16), real)])
        found.append(done)
    assert torch.equal(found[0].first, found[1].first)
    assert torch.equal(found[0].last, found[1].last) == (generator == "spa-ae")


@torch.no_grad()
@pytest.mark.parametrize("fill", ["zero", "white"])
@pytest.mark.parametrize("channel", [False, True])
def test_what_the_spatial_generator_is_shown(fill: str, channel: bool) -> None:
    network = only("spa", mask_fill=fill, mask_channel=channel)
    shown: list[Tensor] = []
    network.spatial.register_forward_pre_hook(lambda _, inputs: shown.append(inputs[0]))
    frames = torch.rand(1, 3, 32, 16)
    hidden = torch.zeros(1, 1, 32, 16, dtype=torch.bool)
    hidden[..., :5] = True
    network.complete(frames, hidden, [])
    assert shown[0].shape[1] == (4 if channel else 3)
    assert torch.equal(shown[0][:, :3, :, 5:], frames[..., 5:])
    assert (shown[0][:, :3, :, :5] == (1.0 if fill == "white" else 0.0)).all()
    if channel:
        assert torch.equal(shown[0][:, 3:], hidden.float())


def test_the_wide_second_auto_encoder_has_one_encoder_of_three_times_the_filters() -> None:
    wide = only("spa-ae", ae="wide").temporal
    assert (wide.before, wide.after) == (None, None)
    assert wide.current[0].out_channels == 12
    assert wide.decoder[0].in_channels == only("spa-ae").temporal.decoder[0].in_channels == 48


def test_nearest_neighbours_worked_by_hand() -> None:
    clean = torch.tensor([[0, 1, 0, 0, 1, 0], [0, 0, 0, 0, 0, 0], [1, 1, 0, 1, 1, 1]], dtype=torch.bool)
    earlier, later = nearest(clean)
    assert earlier.tolist() == [[-1, 1, 1, 1, 4, 4], [-1] * 6, [0, 1, 1, 3, 4, 5]]
    assert later.tolist() == [[1, 1, 4, 4, 4, -1], [-1] * 6, [0, 1, 3, 3, 4, 5]]
    earlier, later = fill_ends(earlier, later)
    assert (earlier[0].tolist(), later[0].tolist()) == ([1, 1, 1, 1, 4, 4], [1, 1, 4, 4, 4, 4])
    assert earlier[1].tolist() == later[1].tolist() == [-1] * 6


def test_the_least_hidden_other_frame_worked_by_hand() -> None:
    hidden = torch.tensor([[5, 3, 9, 3, 10], [10, 7, 10, 10, 0], [4, 0, 0, 0, 0], [2, 2, 2, 2, 2]])
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 1, 0], [1, 0, 0, 0, 0], [1, 1, 1, 1, 1]], dtype=torch.bool)
    found = least_hidden(hidden, mask, pixels=10).tolist()
    assert found[0] == [1, 3, 1, 1, 3]  # frame 2 lies between two equals and takes the earlier one
    assert found[1] == [1, -1, 1, 1, 1]  # the last is padding, and frames without a seen pixel are of no use
    assert found[2][0] == -1
    assert found[3] == [1, 0, 1, 2, 3]


def beside(network: STCNet, veil: Tensor, mask: Tensor | None = None) -> dict[int, tuple[int | str, ...]]:
    """Frame -> its neighbours in a repair of one tracklet; frame t has t / 100 everywhere, and its last row is seen."""
    length = veil.shape[1]
    values = (torch.arange(length) / 100)[None, :, None, None, None].expand(1, length, 3, *veil.shape[2:])
    seen: dict[int, tuple[int | str, ...]] = {}

    def number(image: Tensor) -> int:
        return round(100 * float(image[0, -1, -1]))

    def heard(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        for frame, *others in zip(*inputs, strict=True):
            seen[number(frame)] = tuple("self" if torch.equal(x, frame) else number(x) for x in others)

    with network.temporal.register_forward_pre_hook(heard):
        network.repair(to_normalised(values), torch.ones(1, length, dtype=torch.bool) if mask is None else mask, veil)
    return seen


def veils(rows: list[int], size: tuple[int, int] = (32, 16)) -> Tensor:
    """One tracklet; frame t has its first ``rows[t]`` rows hidden."""
    veil = torch.zeros(1, len(rows), *size, dtype=torch.bool)
    for t, row in enumerate(rows):
        veil[0, t, :row] = True
    return veil


def test_neighbours_of_a_repair_are_the_nearest_with_nothing_hidden() -> None:
    veil = veils([9, 0, 9, 1, 0, 9])
    assert beside(stcnet(), veil) == {0: (1, 1), 2: (1, 4), 3: (1, 4), 5: (4, 4)}
    assert beside(stcnet(ends="self"), veil) == {0: ("self", 1), 2: (1, 4), 3: (1, 4), 5: (4, "self")}
    mask = torch.tensor([[True, False, True, True, True, False]])
    assert beside(stcnet(), veil, mask) == {0: (4, 4), 2: (4, 4), 3: (4, 4)}


def test_without_a_clean_frame_the_least_hidden_one_helps() -> None:
    veil = veils([9, 5, 9, 20])
    assert beside(stcnet(), veil) == {0: (1, 1), 1: (0, 0), 2: (1, 1), 3: (1, 1)}
    assert beside(stcnet(all_hidden="alone"), veil) == {t: ("self", "self") for t in range(4)}
    assert beside(stcnet(), veils([9])) == {0: ("self", "self")}


@torch.no_grad()
def test_what_is_hidden_of_a_neighbour_is_not_shown() -> None:
    network, veil = stcnet(), veils([9, 5])
    clips = torch.randn(1, 2, 3, 32, 16)
    mask = torch.ones(1, 2, dtype=torch.bool)
    changed = clips.masked_fill(veil[:, :, None], 3.0)
    found, expected = network.repair(changed, mask, veil), network.repair(clips, mask, veil)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@torch.no_grad()
def test_frames_of_which_nothing_is_seen() -> None:
    clips = torch.randn(1, 3, 3, 32, 16)
    mask = torch.ones(1, 3, dtype=torch.bool)
    veil = veils([32, 0, 9])
    skipped, completed = (stcnet(whole_frame=rule).repair(clips, mask, veil) for rule in ("skip", "complete"))
    assert torch.equal(skipped[0, 0], clips[0, 0])
    assert (completed[0, 0] != clips[0, 0]).float().mean() > 0.99
    torch.testing.assert_close(completed[0, 1:], skipped[0, 1:], rtol=0, atol=1e-5)
    assert not torch.equal(skipped[0, 2], clips[0, 2])


@torch.no_grad()
def test_a_repair_is_the_same_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    network = stcnet()
    seen: list[int] = []
    network.spatial.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    clips, mask = torch.randn(2, 7, 3, 32, 16), torch.ones(2, 7, dtype=torch.bool)
    veil = torch.zeros(2, 7, 32, 16, dtype=torch.bool)
    veil[:, ::2, 3:9] = True
    whole = network.repair(clips, mask, veil)
    assert seen == [8], "frames without hidden pixels enter no network"
    monkeypatch.setattr("methods.vrstc.stcnet.FRAMES_AT_ONCE", 3)
    torch.testing.assert_close(network.repair(clips, mask, veil), whole, rtol=0, atol=1e-5)
    assert seen == [8, 3, 3, 2]


def test_large_frames_go_in_fewer_at_a_time() -> None:
    network, seen = only("spa", width=1), []
    network.spatial.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    veil = torch.zeros(1, 6, 256, 128, dtype=torch.bool)
    veil[:, 1:, :5] = True
    network.repair(torch.zeros(1, 6, 3, 256, 128), torch.ones(1, 6, dtype=torch.bool), veil)
    assert seen == [4, 1]


@pytest.mark.parametrize("hidden", [torch.zeros(1, 2, 32, 16), torch.zeros(1, 2, 16, 32, dtype=torch.bool)])
def test_hidden_pixels_of_another_shape_are_named(hidden: Tensor) -> None:
    with pytest.raises(methods.MethodError, match=r"expected bool, one value a pixel.*\[1, 2, 32, 16\]"):
        stcnet().repair(torch.zeros(1, 2, 3, 32, 16), torch.ones(1, 2, dtype=torch.bool), hidden)
