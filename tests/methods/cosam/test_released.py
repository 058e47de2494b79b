"""The authors' checkpoints, rebuilt here from their description alone, and their forward pass beside ours."""

from collections.abc import Callable

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional

import methods
from methods.cosam.released import load_released
from tests.methods.cosam.test_se_resnet import reference as se_reference

IDS, SIZE, CLIP = 7, (64, 32), 4
State = dict[str, Tensor]
# height and width of the maps behind blocks 4 and 5 at 64 x 32
MAPS = {"tp": ((4, 2), (4, 2)), "rnn": ((4, 2), (4, 2)), "ta": ((4, 2), (2, 1))}


def numbers(*shape: int, scale: float = 1.0) -> Tensor:
    return torch.randn(*shape) * scale


def norm_entries(state: State, name: str, width: int) -> None:
    state[f"{name}.weight"], state[f"{name}.bias"] = torch.rand(width) + 0.5, numbers(width, scale=0.1)
    state[f"{name}.running_mean"], state[f"{name}.running_var"] = numbers(width, scale=0.1), torch.rand(width) + 0.5
    state[f"{name}.num_batches_tracked"] = torch.tensor(62_400)


def resnet_entries() -> State:
    """Torchvision's ResNet-50 as a list of its children: 0 and 1 the stem, 4 to 7 the layers."""
    net = torchvision.models.resnet50(num_classes=1)
    order = {name: str(i) for i, (name, _) in enumerate(net.named_children())}
    assert [order[name] for name in ("conv1", "bn1", "layer1", "layer4")] == ["0", "1", "4", "7"]
    state = {}
    for name, value in net.state_dict().items():
        first, _, rest = name.partition(".")
        if first != "fc":
            state[f"base.{order[first]}.{rest}"] = value
    return state


def se_entries() -> State:
    """Cadene's SE-ResNet-50 under ``base``, counted from its table: 3, 4, 6, 3 bottlenecks."""
    state: State = {"base.layer0.conv1.weight": numbers(64, 3, 7, 7, scale=0.1)}
    norm_entries(state, "base.layer0.bn1", 64)
    channels = 64
    for layer, (width, blocks) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3)), start=1):
        for block in range(blocks):
            name, out = f"base.layer{layer}.{block}", 4 * width
            shapes = {"conv1": (width, channels, 1), "conv2": (width, width, 3), "conv3": (out, width, 1)}
            for i, (part, (o, c, k)) in enumerate(shapes.items(), start=1):
                state[f"{name}.{part}.weight"] = numbers(o, c, k, k, scale=(1 / (c * k * k)) ** 0.5)
                norm_entries(state, f"{name}.bn{i}", o)
            for part, (o, c) in {"fc1": (out // 16, out), "fc2": (out, out // 16)}.items():
                state[f"{name}.se_module.{part}.weight"] = numbers(o, c, 1, 1, scale=c**-0.5)
                state[f"{name}.se_module.{part}.bias"] = numbers(o, scale=0.1)
            if block == 0:
                state[f"{name}.downsample.0.weight"] = numbers(out, channels, 1, 1, scale=channels**-0.5)
                norm_entries(state, f"{name}.downsample.1", out)
            channels = out
    return state


def entries(squeeze: bool, aggregation: str, cosam: bool = True) -> State:
    torch.manual_seed(3)
    state = se_entries() if squeeze else resnet_entries()
    places = zip((3, 4) if squeeze else (2, 3), (1024, 2048), MAPS[aggregation], strict=True)
    for place, channels, (height, width) in places if cosam else ():
        name, compared = f"attention_modules.attention_modules.{place}", (CLIP - 1) * height * width
        state[f"{name}.dim_reduction.0.weight"] = numbers(256, channels, 1, 1, scale=channels**-0.5)
        state[f"{name}.dim_reduction.0.bias"] = numbers(256, scale=0.1)
        norm_entries(state, f"{name}.dim_reduction.1", 256)
        state[f"{name}.spatial_mask_summary.0.weight"] = numbers(64, compared, 1, 1)
        state[f"{name}.spatial_mask_summary.0.bias"] = numbers(64)
        norm_entries(state, f"{name}.spatial_mask_summary.1", 64)
        state[f"{name}.spatial_mask_summary.3.weight"] = numbers(1, 64, 1, 1, scale=0.2)
        state[f"{name}.spatial_mask_summary.3.bias"] = numbers(1)
        for part, (o, c) in {"0": (256, channels), "2": (channels, 256)}.items():
            state[f"{name}.channelwise_attention.{part}.weight"] = numbers(o, c, scale=c**-0.5)
            state[f"{name}.channelwise_attention.{part}.bias"] = numbers(o)
    if aggregation == "ta":
        state["aggregation.attention_conv.weight"] = numbers(256, 2048, *MAPS["ta"][1], scale=0.02)
        state["aggregation.attention_conv.bias"] = numbers(256, scale=0.1)
        state["aggregation.attention_tconv.weight"] = numbers(1, 256, 3, scale=0.1)
        state["aggregation.attention_tconv.bias"] = torch.ones(1)
    if aggregation == "rnn":
        for part, shape in {"weight_ih_l0": (2048, 2048), "weight_hh_l0": (2048, 512)}.items():
            state[f"aggregation.lstm.{part}"] = numbers(*shape, scale=shape[1] ** -0.5)
        state["aggregation.lstm.bias_ih_l0"] = numbers(2048, scale=0.1)
        state["aggregation.lstm.bias_hh_l0"] = numbers(2048, scale=0.1)
    width = 512 if aggregation == "rnn" else 2048
    state["classifier.weight"], state["classifier.bias"] = numbers(IDS, width), numbers(IDS)
    return state


def batch_norm(s: State, name: str, x: Tensor) -> Tensor:
    parts = [s[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
    return functional.batch_norm(x, *parts)


def released_cosam(s: State, name: str, x: Tensor) -> Tensor:
    """One clip ``[T, C, h, w]``: pairs of frames one by one, volume by concatenation, two convolutions, residual."""
    reduced = functional.conv2d(x, s[f"{name}.dim_reduction.0.weight"], s[f"{name}.dim_reduction.0.bias"])
    reduced = batch_norm(s, f"{name}.dim_reduction.1", reduced).relu()
    ready = (reduced - reduced.mean(dim=1, keepdim=True)) / (reduced.std(dim=1, keepdim=True) + 1e-4)
    frames, width, height, wide = ready.shape
    volumes = []
    for n in range(frames):
        planes = [
            (ready[m, :, h, w, None, None] * ready[n]).sum(dim=0) / width
            for m in range(frames)
            if m != n
            for h in range(height)
            for w in range(wide)
        ]
        volumes.append(torch.stack(planes))
    summary = f"{name}.spatial_mask_summary"
    y = functional.conv2d(torch.stack(volumes), s[f"{summary}.0.weight"], s[f"{summary}.0.bias"])
    y = batch_norm(s, f"{summary}.1", y).relu()
    x = x * functional.conv2d(y, s[f"{summary}.3.weight"], s[f"{summary}.3.bias"]).sigmoid()
    mlp = f"{name}.channelwise_attention"
    inner = functional.linear(x.mean(dim=(2, 3)), s[f"{mlp}.0.weight"], s[f"{mlp}.0.bias"]).tanh()
    channel = functional.linear(inner, s[f"{mlp}.2.weight"], s[f"{mlp}.2.bias"]).sigmoid().mean(dim=0)
    return x + x * channel[None, :, None, None]


def blocks_of(s: State, squeeze: bool, stride: int) -> list[Callable[[Tensor], Tensor]]:
    """Blocks 1 to 4 in one piece, and block 5."""
    if squeeze:
        trunk = {name.removeprefix("base."): value for name, value in s.items() if name.startswith("base.")}
        return [lambda x: se_reference(trunk, x, stride, last=3), lambda x: se_reference(trunk, x, stride, first=4)]
    net = torchvision.models.resnet50(num_classes=1)
    net.layer4[0].conv2.stride = net.layer4[0].downsample[0].stride = (stride, stride)
    children = nn.Sequential(*list(net.children())[:-2])
    own = {name.removeprefix("base."): value for name, value in s.items() if name.startswith("base.")}
    children.load_state_dict(own)
    children.eval()
    return [children[:7], children[7:]]


def released_forward(s: State, clip: Tensor, squeeze: bool, aggregation: str) -> Tensor:
    """One clip ``[T, 3, H, W]`` as their network computes it."""
    x, name = clip, "attention_modules.attention_modules"
    for place, block in enumerate(blocks_of(s, squeeze, 2 if aggregation == "ta" else 1), start=3 if squeeze else 2):
        x = block(x)
        if f"{name}.{place}.dim_reduction.0.bias" in s:
            x = released_cosam(s, f"{name}.{place}", x)
    pooled = x.mean(dim=(2, 3))  # [T, 2048]
    if aggregation == "tp":
        return pooled.mean(dim=0)
    if aggregation == "ta":
        a = "aggregation.attention_"
        seen = functional.conv2d(x, s[f"{a}conv.weight"], s[f"{a}conv.bias"]).relu()[:, :, 0, 0]  # [T, 256]
        scores = functional.conv1d(seen.T[None], s[f"{a}tconv.weight"], s[f"{a}tconv.bias"], padding=1).relu()
        return scores[0, 0].softmax(0) @ pooled
    lstm = "aggregation.lstm"
    hidden = memory = torch.zeros(512)
    outputs = []
    for frame in pooled:
        gates = s[f"{lstm}.weight_ih_l0"] @ frame + s[f"{lstm}.bias_ih_l0"]
        gates = gates + s[f"{lstm}.weight_hh_l0"] @ hidden + s[f"{lstm}.bias_hh_l0"]
        take, forget, new, give = gates.chunk(4)
        memory = forget.sigmoid() * memory + take.sigmoid() * new.tanh()
        hidden = give.sigmoid() * memory.tanh()
        outputs.append(hidden)
    return torch.stack(outputs).mean(dim=0)


def network(squeeze: bool = False, aggregation: str = "tp", **options: object) -> nn.Module:
    options = {"reading": "released", "frame_size": SIZE, **options}
    return methods.create("cosam", IDS, squeeze=squeeze, aggregation=aggregation, **options).eval()


@torch.no_grad()
@pytest.mark.parametrize("cosam", [True, False], ids=["cosam", "plain"])
@pytest.mark.parametrize("aggregation", ["tp", "ta", "rnn"])
@pytest.mark.parametrize("squeeze", [False, True], ids=["R50", "SE-R50"])
def test_a_released_checkpoint_gives_the_released_outputs(squeeze: bool, aggregation: str, cosam: bool) -> None:
    state = entries(squeeze, aggregation, cosam)
    if aggregation == "tp" and cosam:
        assert len(state) == (424 if squeeze else 360)
    made = network(squeeze, aggregation, **({} if cosam else {"blocks": "none"}))
    load_released(made, {"state_dict": state, "rank1": 0.845, "epoch": 800})
    clips = torch.randn(2, CLIP, 3, *SIZE, generator=torch.Generator().manual_seed(5))
    found = made(clips, torch.ones(2, CLIP, dtype=torch.bool))
    for row in range(2):
        expected = released_forward(state, clips[row], squeeze, aggregation)
        torch.testing.assert_close(found[row], expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))
    assert not torch.allclose(found[0], found[1], rtol=1e-2)
    logits = functional.linear(found, state["classifier.weight"], state["classifier.bias"])
    torch.testing.assert_close(made.classifier(made.neck(found)), logits)


@pytest.fixture(scope="module")
def state() -> State:
    return entries(False, "tp")


@pytest.fixture(scope="module")
def made() -> nn.Module:
    return network()


def test_a_bare_state_dict_is_taken_too(made: nn.Module, state: State) -> None:
    load_released(made, state)
    assert torch.equal(
        made.cosam["5"].channel[2].bias, state["attention_modules.attention_modules.3.channelwise_attention.2.bias"]
    )
    assert torch.equal(made.trunk.layer3[4].bn2.running_var, state["base.6.4.bn2.running_var"])


NAME = "attention_modules.attention_modules"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("classifier.bias"), r"\(360 entries\): missing classifier\.bias; unknown nothing"),
        (lambda s: s.pop("base.6.4.bn2.running_var"), r"missing base\.6\.4\.bn2\.running_var"),
        (lambda s: s.pop(f"{NAME}.2.spatial_mask_summary.3.bias"), r"missing .*\.2\.spatial_mask_summary\.3\.bias"),
        (lambda s: s.update({"fc.weight": torch.zeros(1)}), r"missing nothing; unknown fc\.weight"),
        (lambda s: s.update({"module.classifier.bias": s.pop("classifier.bias")}), r"unknown module\.classifier\.bias"),
        (lambda s: s.update({"classifier.weight": torch.zeros(9, 2048)}), "with that many num_ids"),
        (lambda s: s.update({"base.0.weight": torch.zeros(64, 3, 3, 3)}), r"base\.0\.weight has shape \[64, 3, 3, 3\]"),
        (lambda s: s.update({"classifier.bias": 3}), "classifier.bias is a int, expected a tensor"),
        (
            lambda s: s.update({f"{NAME}.2.spatial_mask_summary.0.weight": torch.zeros(64, 384, 1, 1)}),
            r"shape \[64, 384, 1, 1\], expected \[64, 24, 1, 1\]; create the method with the checkpoint's clip",
        ),
    ],
)
def test_a_wrong_checkpoint_is_named_and_changes_nothing(
    made: nn.Module, state: State, change: Callable[[State], object], message: str
) -> None:
    broken = dict(state)
    change(broken)
    before = {key: value.clone() for key, value in made.state_dict().items()}
    with pytest.raises(methods.MethodError, match=message):
        load_released(made, broken)
    with pytest.raises(methods.MethodError, match=message):
        load_released(made, {"state_dict": broken})
    assert all(torch.equal(value, before[key]) for key, value in made.state_dict().items())


def test_a_checkpoint_of_another_backbone_is_refused(made: nn.Module) -> None:
    with pytest.raises(methods.MethodError, match=r"squeeze, blocks and aggregation must be those of the checkpoint"):
        load_released(made, entries(True, "tp"))
    with pytest.raises(
        methods.MethodError, match="the state_dict of the checkpoint is a list, expected names to tensors"
    ):
        load_released(made, {"state_dict": [1]})


@pytest.mark.parametrize(
    "options",
    [
        {"reading": "paper"},
        {"summary": "one"},
        {"channel": "multiply"},
        {"reduce": 128},
        {"reduce_small": 256},
        {"std": "biased"},
        {"neck": "bn"},
        {"depth": 18},
        {"last_stride": 1},
    ],
)
def test_another_structure_is_refused(state: State, options: dict[str, object]) -> None:
    with torch.device("meta"):
        other = network(**options)
    with pytest.raises(methods.MethodError, match=r"needs methods\.create\('cosam', \.\.\., reading='released'\)"):
        load_released(other, state)


def test_another_paper_is_refused(state: State) -> None:
    with torch.device("meta"):
        other = methods.create("baseline", IDS)
    with pytest.raises(methods.MethodError, match=r"needs methods\.create\('cosam'"):
        load_released(other, state)
