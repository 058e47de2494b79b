"""COSAM's networks: sizes, shapes, aggregations, which capabilities, and what they refuse."""

import pytest
import torch
from torch import Tensor, nn

import methods
from methods.cosam.aggregation import AttendedMean, AttentivePool, MeanOfLSTM
from methods.cosam.model import Network, map_sizes
from methods.cosam.options import Options
from methods.interface import Attends, Explains, FixedClip, FrameThenTime

SMALL = {"depth": 18, "frame_size": (64, 32)}


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def empty(**options: object) -> nn.Module:
    """As released, with 625 identities, without memory for its weights."""
    with torch.device("meta"):
        return methods.create("cosam", 625, **{"reading": "released", **options})


def batch(clips: int, frames: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(clips, frames, 3, 64, 32, generator=generator), torch.ones(clips, frames, dtype=torch.bool)


@pytest.mark.parametrize(
    ("squeeze", "parameters", "entries"), [(False, 27_202_739, 360), (True, 29_733_731, 424)], ids=["R50", "SE-R50"]
)
def test_parameters_and_entries_as_released(squeeze: bool, parameters: int, entries: int) -> None:
    network = empty(squeeze=squeeze)
    assert count(network) == parameters
    assert len(network.state_dict()) == entries
    assert sum(name.endswith("num_batches_tracked") for name in network.state_dict()) == 57
    assert count(empty(squeeze=squeeze, blocks="none")) == parameters - 813_313 - 1_600_769


def test_parameters_of_the_parts() -> None:
    network = empty()
    assert count(network.trunk) == 23_508_032
    assert count(empty(squeeze=True).trunk) == 26_039_024
    assert count(network.classifier) == 1_280_625
    assert [count(network.cosam[block]) for block in ("4", "5")] == [813_313, 1_600_769]
    assert count(network.pool) == count(network.temporal) == 0
    attended = empty(aggregation="ta")
    assert count(attended.pool) + count(attended.temporal) == 16_778_241
    assert [count(attended.cosam[block]) for block in ("4", "5")] == [813_313, 1_582_337]
    recurrent = empty(aggregation="rnn")
    assert count(recurrent.temporal) == 5_246_976
    assert count(recurrent.classifier) == 320_625
    assert count(empty(blocks="none")) == 24_788_657
    assert count(empty(blocks="none", squeeze=True)) == 27_319_649


def test_shapes_at_the_published_size() -> None:
    network = methods.create("cosam", 625, reading="released").eval()
    clips = torch.randn(2, 4, 3, 256, 128)
    mask = torch.ones(2, 4, dtype=torch.bool)
    with torch.no_grad():
        features = network(clips, mask)
        seen = network.explain(clips[:1], mask[:1])
    assert features.shape == (2, 2048)
    assert network.classifier(features).shape == (2, 625)
    assert {name: tuple(found.shape) for name, found in seen.items()} == {
        "cosam4": (1, 4, 16, 8),
        "cosam5": (1, 4, 16, 8),
    }


def maps_of(trunk: nn.Module, images: Tensor) -> list[tuple[int, ...]]:
    maps, shapes = trunk.eval().stem(images), []
    shapes.append(tuple(maps.shape[1:]))
    for stage in (trunk.layer1, trunk.layer2, trunk.layer3, trunk.layer4):
        maps = stage(maps)
        shapes.append(tuple(maps.shape[1:]))
    return shapes


@pytest.mark.parametrize("squeeze", [False, True])
@pytest.mark.parametrize(("aggregation", "last"), [("tp", (16, 8)), ("rnn", (16, 8)), ("ta", (8, 4))])
def test_maps_of_the_blocks(squeeze: bool, aggregation: str, last: tuple[int, int]) -> None:
    network = empty(squeeze=squeeze, aggregation=aggregation, blocks=(2, 3, 4, 5))
    found = maps_of(network.trunk, torch.empty(1, 3, 256, 128, device="meta"))
    assert found == [(64, 64, 32), (256, 64, 32), (512, 32, 16), (1024, 16, 8), (2048, *last)]
    assert [network.cosam[block].size for block in "2345"] == [(64, 32), (32, 16), (16, 8), last]
    assert [network.cosam[block].reduce[0].out_channels for block in "2345"] == [64, 256, 256, 256]


@pytest.mark.parametrize("squeeze", [False, True])
@pytest.mark.parametrize("stride", [1, 2])
def test_predicted_map_sizes_are_those_that_come(squeeze: bool, stride: int) -> None:
    options = Options(squeeze=squeeze, last_stride=stride, blocks="none")
    with torch.device("meta"):
        trunk = methods.create("cosam", 5, squeeze=squeeze, last_stride=stride, blocks="none").trunk
    for size in ((256, 128), (64, 32), (32, 32), (224, 112), (97, 51), (130, 66), (33, 45)):
        found = [shape[1:] for shape in maps_of(trunk, torch.empty(1, 3, *size, device="meta"))]
        assert list(map_sizes(size, options).values()) == found, size


def test_masks_at_the_embedded_size_have_eight_cells() -> None:
    sizes = map_sizes((64, 32), Options())
    assert [sizes[block] for block in (2, 3, 4, 5)] == [(16, 8), (8, 4), (4, 2), (4, 2)]


def test_the_last_stride_follows_the_aggregation() -> None:
    assert [Options(aggregation=a).stride for a in ("tp", "ta", "rnn")] == [1, 2, 1]
    assert [Options(aggregation=a, last_stride=2).stride for a in ("tp", "ta", "rnn")] == [2, 2, 2]


def test_descriptor_widths() -> None:
    assert [empty(aggregation=a).descriptor_dim for a in ("tp", "ta", "rnn")] == [2048, 2048, 512]
    assert [empty(aggregation=a, blocks="none").frame_dim for a in ("tp", "ta", "rnn")] == [2048, 2304, 2048]


def test_readings_differ_in_what_only_the_code_has() -> None:
    paper, released = (methods.create("cosam", 5, reading=r, **SMALL).options for r in ("paper", "released"))
    names = ("summary", "channel", "reduce", "reduce_small", "label_smoothing", "margin", "std")
    assert [getattr(paper, name) for name in names] == ["one", "multiply", 256, 256, 0.0, 0.3, "unbiased"]
    assert [getattr(released, name) for name in names] == ["two", "residual", 256, 64, 0.1, 0.3, "unbiased"]


@pytest.mark.parametrize(
    ("options", "offers"),
    [
        ({}, {FixedClip, Attends, Explains}),
        ({"aggregation": "ta"}, {FixedClip, Attends, Explains}),
        ({"aggregation": "rnn"}, {FixedClip, Attends, Explains}),
        ({"blocks": "none"}, {FrameThenTime}),
        ({"blocks": "none", "aggregation": "rnn"}, {FrameThenTime}),
        ({"blocks": "none", "aggregation": "ta"}, {FrameThenTime, Attends, Explains}),
    ],
)
def test_capabilities(options: dict[str, object], offers: set[type]) -> None:
    network = empty(**options)
    assert {kind for kind in (FixedClip, FrameThenTime, Attends, Explains) if isinstance(network, kind)} == offers
    if FixedClip in offers:
        assert network.clip_length == 4


@torch.no_grad()
@pytest.mark.parametrize(
    ("frames", "size", "real", "message"),
    [
        (3, (64, 32), 3, r"exactly 4 real frames of 64 x 32, .* it got 3 frames of 64 x 32: cut .* snippets of 4"),
        (1, (64, 32), 1, r"it got 1 frames"),
        (8, (64, 32), 8, r"it got 8 frames"),
        (4, (64, 32), 3, r"it got 4 frames of 64 x 32 with padding"),
        (4, (128, 64), 4, r"it got 4 frames of 128 x 64:"),
    ],
)
def test_other_clips_are_refused_with_the_reason(frames: int, size: tuple[int, int], real: int, message: str) -> None:
    network = methods.create("cosam", 5, **SMALL).eval()
    clips, mask = torch.zeros(1, frames, 3, *size), torch.arange(frames)[None] < real
    for call in (
        lambda: network(clips, mask),
        lambda: network.explain(clips, mask),
        lambda: network.losses(clips, mask, torch.tensor([0]), ["cross_entropy"]),
    ):
        with pytest.raises(methods.MethodError, match=message):
            call()


@torch.no_grad()
def test_temporal_attention_is_bound_to_the_frame_size_but_not_to_the_clip() -> None:
    network = methods.create("cosam", 5, blocks="none", aggregation="ta", **SMALL).eval()
    assert network.pool.conv.kernel_size == (2, 1)
    for frames in (1, 2, 7):
        assert network(*batch(1, frames)).shape == (1, 512)
    with pytest.raises(methods.MethodError, match="built for maps of 2 x 1"):
        network(torch.zeros(1, 4, 3, 128, 64), torch.ones(1, 4, dtype=torch.bool))
    assert empty(aggregation="ta").pool.conv.kernel_size == (8, 4)


@torch.no_grad()
def test_attended_mean_against_loops() -> None:
    torch.manual_seed(0)
    pool, temporal = AttentivePool(6, (2, 3)), AttendedMean()
    maps = torch.randn(2, 5, 6, 2, 3)
    lengths = (5, 3)
    mask = torch.arange(5) < torch.tensor(lengths)[:, None]
    features = pool(maps.flatten(0, 1)).unflatten(0, (2, 5)).masked_fill(~mask[..., None], float("nan"))
    found, weights = temporal(features, mask), temporal.weights(features, mask)
    kernel, bias = temporal.conv.weight[0], temporal.conv.bias[0]  # [256, 3]
    for b, length in enumerate(lengths):
        seen = [(pool.conv.weight * maps[b, t]).sum(dim=(1, 2, 3)) + pool.conv.bias for t in range(length)]
        seen = [torch.zeros(256), *(one.clamp(min=0) for one in seen), torch.zeros(256)]
        scores = [(sum(kernel[:, i] @ seen[t + i] for i in range(3)) + bias).clamp(min=0) for t in range(length)]
        expected = torch.stack(scores).softmax(0)
        torch.testing.assert_close(weights[b, :length], expected)
        assert not weights[b, length:].any()
        mixed = sum(w * maps[b, t].mean(dim=(1, 2)) for t, w in enumerate(expected))
        torch.testing.assert_close(found[b], mixed)


@torch.no_grad()
def test_mean_of_lstm_against_cells() -> None:
    torch.manual_seed(0)
    temporal = MeanOfLSTM(7)
    features = torch.randn(3, 5, 7)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 1, 0, 1, 1]], dtype=torch.bool)
    found = temporal(features.masked_fill(~mask[..., None], float("nan")), mask)
    cell = nn.LSTMCell(7, 512)
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in temporal.lstm.state_dict().items()})
    for b in range(3):
        state, outputs = None, []
        for t in range(5):
            if mask[b, t]:
                state = cell(features[b : b + 1, t], state)
                outputs.append(state[0][0])
        torch.testing.assert_close(found[b], torch.stack(outputs).mean(dim=0), rtol=1e-4, atol=1e-6)


def test_one_forward_pass_serves_both_losses() -> None:
    network = methods.create("cosam", 3, reading="released", **SMALL)
    passes = []
    network.trunk.layer4.register_forward_hook(lambda *_: passes.append(1))
    labels = torch.tensor([0, 0, 1])
    both = network.losses(*batch(3, 4), labels, ["cross_entropy", "triplet"])
    assert len(passes) == 1
    assert set(both) == {"cross_entropy", "triplet"}
    network.eval()
    with torch.no_grad():
        found = network.losses(*batch(3, 4), labels, ["cross_entropy"])["cross_entropy"]
        logits = network.classifier(network(*batch(3, 4)))
    target = torch.nn.functional.one_hot(labels, 3) * 0.9 + 0.1 / 3
    torch.testing.assert_close(found, -(target * logits.log_softmax(dim=1)).sum(dim=1).mean())


@torch.no_grad()
def test_a_mask_that_is_one_everywhere_gives_the_plain_network() -> None:
    torch.manual_seed(0)
    network = methods.create("cosam", 5, **SMALL).eval()
    plain = methods.create("cosam", 5, blocks="none", **SMALL).eval()
    plain.load_state_dict({k: v for k, v in network.state_dict().items() if not k.startswith("cosam")})
    expected = plain(*batch(2, 4))
    assert not torch.allclose(network(*batch(2, 4)), expected, rtol=0.1)
    for cosam in network.cosam.values():
        nn.init.constant_(cosam.summary[-1].bias, 30.0)
        nn.init.constant_(cosam.channel[2].bias, 30.0)
    torch.testing.assert_close(network(*batch(2, 4)), expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_the_masks_that_are_shown_are_those_that_are_used() -> None:
    network = methods.create("cosam", 5, aggregation="ta", **SMALL).eval()
    kept = {}
    for block in ("4", "5"):
        network.cosam[block].channel.register_forward_pre_hook(
            lambda _, args, block=block: kept.setdefault(block, args[0])
        )
        network.cosam[block].reduce.register_forward_pre_hook(
            lambda _, args, block=block: kept.setdefault(f"maps{block}", args[0])
        )
    clips, mask = batch(2, 4)
    seen = network.explain(clips, mask)
    assert list(seen) == ["cosam4", "cosam5", "frames"]
    for block in ("4", "5"):
        shown = seen[f"cosam{block}"].flatten(0, 1)[:, None]
        torch.testing.assert_close((kept[f"maps{block}"] * shown).mean(dim=(2, 3)), kept[block])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"blocks": (1,)}, r"blocks = \(1,\) is not a rising choice of 2, 3, 4 and 5"),
        ({"blocks": "5-4"}, "is not a rising choice"),
        ({"blocks": "4-4"}, "is not a rising choice"),
        ({"blocks": "all"}, "expected none or a list"),
        ({"clip": 0}, "clip = 0 is no number of frames"),
        ({"clip": 1}, "blocks = none"),
        ({"reduce": 1}, "2 or more"),
        ({"label_smoothing": 1.0}, r"is not in \[0, 1\)"),
        ({"margin": -1.0}, "is negative"),
        ({"aggregation": "lstm"}, "unknown value 'lstm'"),
        ({"depth": 34}, "unknown value '34'"),
        ({"squeeze": "se"}, "expected on or off"),
        ({"block": "4"}, "unknown option 'block': did you mean 'blocks'"),
    ],
)
def test_impossible_options_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(methods.MethodError, match=message):
        methods.create("cosam", 5, **options)


def test_no_blocks_can_be_written_in_two_ways() -> None:
    assert Options(blocks=()).placed == Options(blocks="none").placed == ()
    assert methods.arm("cosam[blocks=none]").text == "cosam[blocks=none]"
    assert methods.arm("cosam[blocks=3-4-5]").options["blocks"] == (3, 4, 5)
    with torch.device("meta"):
        assert isinstance(methods.create("cosam", 5, blocks=()), Network)
