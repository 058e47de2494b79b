"""The authors' checkpoint layout, rebuilt here from its description alone, and their 3-D forward pass beside ours."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional

import methods
from methods.tkp.released import load_released

IDS = 7
State = dict[str, Tensor]
NONLOCAL = {"layer2": (2, 5), "layer3": (2, 5, 8)}  # places inside the released stages
RESIDUAL = {"layer1": (0, 1, 2), "layer2": (0, 1, 3, 4), "layer3": (0, 1, 3, 4, 6, 7), "layer4": (0, 1, 2)}


def resnet(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    net = torchvision.models.resnet50(num_classes=1)
    net.layer4[0].conv2.stride = net.layer4[0].downsample[0].stride = (1, 1)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.2, 0.5)
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.8, 1.2)
    return net.eval()


def video_state() -> State:
    """383 entries: torchvision's names, kernels inflated, blocks of a stage numbered with the non-local ones."""
    entries: State = {}
    for name, value in resnet(1).state_dict().items():
        stage, *rest = name.split(".")
        if stage == "fc":
            continue
        if stage in RESIDUAL:
            rest = [str(RESIDUAL[stage][int(rest[0])]), *rest[1:]]
        entries[".".join([stage, *rest])] = value[:, :, None] if value.ndim == 4 else value
    for stage, width in (("layer2", 512), ("layer3", 1024)):
        for place in NONLOCAL[stage]:
            for part, (out, into) in {
                "g.0": (width // 2, width),
                "theta": (width // 2, width),
                "phi.0": (width // 2, width),
                "W.0": (width, width // 2),
            }.items():
                entries[f"{stage}.{place}.{part}.weight"] = torch.randn(out, into, 1, 1, 1) * 0.02
                entries[f"{stage}.{place}.{part}.bias"] = torch.randn(out) * 0.1
            for part in ("weight", "bias", "running_mean"):
                entries[f"{stage}.{place}.W.1.{part}"] = torch.randn(width) * 0.3
            entries[f"{stage}.{place}.W.1.running_var"] = torch.rand(width) + 0.5
            entries[f"{stage}.{place}.W.1.num_batches_tracked"] = torch.tensor(99)
    assert len(entries) == 383
    return entries


def image_state() -> State:
    """318 entries: the children of torchvision's network but the last two, as a Sequential under ``base``."""
    children = nn.Sequential(*list(resnet(2).children())[:-2])
    entries = {f"base.{name}": value for name, value in children.state_dict().items()}
    assert len(entries) == 318
    return entries


@pytest.fixture(scope="module")
def checkpoint() -> dict[str, Any]:
    return {
        "vid_model_state_dict": video_state(),
        "img_model_state_dict": image_state(),
        "classifier_state_dict": {
            "classifier.weight": torch.randn(IDS, 2048),
            "classifier.bias": torch.randn(IDS),
        },
        "rank1": 0.756,
        "epoch": 150,
    }


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return methods.create("tkp", IDS, reading="released").eval()


class Released:
    """Their video network on ``[B, 3, T, H, W]``, with 3-D operations, from the entries alone."""

    def __init__(self, state: State) -> None:
        self.state = state

    def conv(self, name: str, x: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
        weight, bias = self.state[f"{name}.weight"], self.state.get(f"{name}.bias")
        return functional.conv3d(x, weight, bias, stride=(1, stride, stride), padding=(0, padding, padding))

    def norm(self, name: str, x: Tensor) -> Tensor:
        mean, var, weight, bias = (
            self.state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return functional.batch_norm(x, mean, var, weight, bias)

    def residual(self, name: str, x: Tensor, stride: int) -> Tensor:
        y = self.norm(f"{name}.bn1", self.conv(f"{name}.conv1", x)).relu()
        y = self.norm(f"{name}.bn2", self.conv(f"{name}.conv2", y, stride, 1)).relu()
        y = self.norm(f"{name}.bn3", self.conv(f"{name}.conv3", y))
        if f"{name}.downsample.0.weight" in self.state:
            x = self.norm(f"{name}.downsample.1", self.conv(f"{name}.downsample.0", x, stride))
        return (x + y).relu()

    def non_local(self, name: str, x: Tensor) -> Tensor:
        theta = self.conv(f"{name}.theta", x).flatten(2)  # [B, d, L]
        phi = functional.max_pool3d(self.conv(f"{name}.phi.0", x), (1, 2, 2)).flatten(2)
        g = functional.max_pool3d(self.conv(f"{name}.g.0", x), (1, 2, 2)).flatten(2)
        weights = torch.softmax(theta.transpose(1, 2) @ phi, dim=-1)
        y = (weights @ g.transpose(1, 2)).transpose(1, 2).reshape(len(x), -1, *x.shape[2:])
        return x + self.norm(f"{name}.W.1", self.conv(f"{name}.W.0", y))

    def __call__(self, clips: Tensor) -> Tensor:
        """``[B, T, 3, H, W]`` -> their test output, one feature a frame, ``[B, T, 2048]``."""
        x = self.norm("bn1", self.conv("conv1", clips.transpose(1, 2), 2, 3)).relu()
        x = functional.max_pool3d(x, (1, 3, 3), (1, 2, 2), (0, 1, 1))
        for stage, residual in RESIDUAL.items():
            for place in sorted((*residual, *NONLOCAL.get(stage, ()))):
                name = f"{stage}.{place}"
                if place in NONLOCAL.get(stage, ()):
                    x = self.non_local(name, x)
                else:
                    x = self.residual(name, x, 2 if place == 0 and stage in ("layer2", "layer3") else 1)
        return x.mean(dim=(3, 4)).transpose(1, 2)


@torch.no_grad()
def test_a_released_checkpoint_gives_the_released_outputs(network: nn.Module, checkpoint: dict[str, Any]) -> None:
    load_released(network, checkpoint)
    clips = torch.randn(2, 3, 3, 64, 32)
    mask = torch.ones(2, 3, dtype=torch.bool)
    frames = Released(checkpoint["vid_model_state_dict"])(clips)
    size = float(frames.abs().max())
    found = network.frame_features_of_clips(clips, mask)
    torch.testing.assert_close(found, frames.flatten(0, 1), rtol=1e-3, atol=1e-4 * size)
    torch.testing.assert_close(network(clips, mask), frames.mean(dim=1), rtol=1e-3, atol=1e-4 * size)

    trunk = nn.Sequential(*list(resnet(2).children())[:-2]).eval()
    expected = trunk(clips[:, 0]).mean(dim=(2, 3))
    torch.testing.assert_close(network.image_descriptor(clips[:, 0]), expected, rtol=1e-3, atol=1e-4)

    head = checkpoint["classifier_state_dict"]
    logits = functional.linear(expected, head["classifier.weight"], head["classifier.bias"])
    torch.testing.assert_close(network.classifier(expected), logits)


@torch.no_grad()
def test_the_non_local_blocks_of_that_checkpoint_matter(network: nn.Module, checkpoint: dict[str, Any]) -> None:
    """Else the test above would not see where they stand."""
    load_released(network, checkpoint)
    clips, mask = torch.randn(1, 3, 3, 64, 32), torch.ones(1, 3, dtype=torch.bool)
    whole = network.frame_features_of_clips(clips, mask)
    plain = network.video.trunk(clips[mask]).mean(dim=(2, 3))
    assert (whole - plain).abs().max() > 0.05 * whole.abs().max()


def drop(part: str, name: str) -> Callable[[dict[str, State]], object]:
    return lambda c: c[part].pop(name)


def put(part: str, name: str, *shape: int) -> Callable[[dict[str, State]], object]:
    return lambda c: c[part].update({name: torch.zeros(shape)})


VIDEO, IMAGE, HEAD = "vid_model_state_dict", "img_model_state_dict", "classifier_state_dict"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop(IMAGE), r"missing img_model_state_dict; unknown nothing"),
        (lambda c: c.update(optimizer={}), r"missing nothing; unknown optimizer"),
        (lambda c: c.update({HEAD: None}), r"classifier_state_dict is None, expected names to tensors"),
        (lambda c: c.update({HEAD: "head.pth"}), r"classifier_state_dict is a str, expected names to tensors"),
        (lambda c: c.update({IMAGE: torch.nn.Linear(1, 1)}), r"img_model_state_dict is a network .*state_dict\(\)"),
        (drop(VIDEO, "layer3.8.W.1.running_var"), r"vid_model_state_dict .*383.*missing layer3\.8\.W\.1\.running_var"),
        (drop(IMAGE, "base.7.2.bn3.bias"), r"img_model_state_dict .*318.*missing base\.7\.2\.bn3\.bias"),
        (put(VIDEO, "layer2.6.conv1.weight", 1), r"missing nothing; unknown layer2\.6\.conv1\.weight"),
        (
            put(VIDEO, "conv1.weight", 64, 3, 7, 7),
            r"conv1\.weight has shape \[64, 3, 7, 7\], expected \[64, 3, 1, 7, 7\]",
        ),
        (put(VIDEO, "conv1.weight", 64, 3, 3, 7, 7), r"conv1\.weight has shape \[64, 3, 3, 7, 7\]"),
        (put(IMAGE, "base.0.weight", 64, 3, 3, 3), r"base\.0\.weight has shape .*expected \[64, 3, 7, 7\]"),
        (put(HEAD, "classifier.weight", 9, 2048), "with that many num_ids"),
    ],
)
def test_a_wrong_checkpoint_is_named_and_changes_nothing(
    network: nn.Module, checkpoint: dict[str, Any], change: Callable[[Any], object], message: str
) -> None:
    broken = {key: dict(value) if isinstance(value, dict) else value for key, value in checkpoint.items()}
    change(broken)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    with pytest.raises(methods.MethodError, match=message):
        load_released(network, broken)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


@pytest.mark.parametrize("options", [{"depth": 18}, {"non_local": False}, {"last_stride": 2}])
def test_another_structure_is_refused(checkpoint: dict[str, Any], options: dict[str, object]) -> None:
    with torch.device("meta"):
        network = methods.create("tkp", IDS, **options)
    with pytest.raises(methods.MethodError, match="depth 50 with non-local blocks"):
        load_released(network, checkpoint)
