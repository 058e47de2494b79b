"""SE-ResNet-50: the layout of the published file, a forward pass written from that layout, and its weights on disk."""

import re
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import methods
from methods.cosam.se_resnet import IMAGENET, SEResNet
from methods.layers.resnet import load_imagenet

State = dict[str, Tensor]


@pytest.fixture(scope="module")
def trunk() -> SEResNet:
    torch.manual_seed(0)
    made = SEResNet(50, last_stride=2)
    generator = torch.Generator().manual_seed(1)
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.2, 0.6, generator=generator)
            nn.init.normal_(module.running_mean, std=0.1, generator=generator)
            nn.init.uniform_(module.running_var, 0.5, 1.5, generator=generator)
    return made.eval()


@pytest.fixture(scope="module")
def published(trunk: SEResNet) -> State:
    """The same weights as the published file names them, with its classifier and without counters of batches."""
    state = {}
    for name, value in trunk.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            state[f"layer0.{name}" if name.split(".")[0] in ("conv1", "bn1") else name] = value.clone()
    state["last_linear.weight"], state["last_linear.bias"] = torch.zeros(1000, 2048), torch.zeros(1000)
    return state


def reference(s: State, x: Tensor, last_stride: int, first: int = 0, last: int = 4) -> Tensor:
    """The map behind a layer, computed from the published names; from images, or from the map before ``first``."""

    def norm(x: Tensor, name: str) -> Tensor:
        parts = [s[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
        return functional.batch_norm(x, *parts)

    if first == 0:
        x = functional.conv2d(x, s["layer0.conv1.weight"], stride=2, padding=3)
        x = functional.max_pool2d(norm(x, "layer0.bn1").relu(), 3, 2, ceil_mode=True)
    for layer in range(max(first, 1), last + 1):
        blocks = (3, 4, 6, 3)[layer - 1]
        for block in range(blocks):
            name = f"layer{layer}.{block}"
            stride = 1 if block or layer == 1 else last_stride if layer == 4 else 2
            y = norm(functional.conv2d(x, s[f"{name}.conv1.weight"], stride=stride), f"{name}.bn1").relu()
            y = norm(functional.conv2d(y, s[f"{name}.conv2.weight"], padding=1), f"{name}.bn2").relu()
            y = norm(functional.conv2d(y, s[f"{name}.conv3.weight"]), f"{name}.bn3")
            pooled = functional.adaptive_avg_pool2d(y, 1)
            gate = f"{name}.se_module"
            inner = functional.conv2d(pooled, s[f"{gate}.fc1.weight"], s[f"{gate}.fc1.bias"]).relu()
            y = y * functional.conv2d(inner, s[f"{gate}.fc2.weight"], s[f"{gate}.fc2.bias"]).sigmoid()
            if block == 0:
                short = functional.conv2d(x, s[f"{name}.downsample.0.weight"], stride=stride)
                x = norm(short, f"{name}.downsample.1")
            x = (x + y).relu()
    return x


def test_entries_and_parameters(trunk: SEResNet, published: State) -> None:
    assert sum(p.numel() for p in trunk.parameters()) == 26_039_024
    assert len(trunk.state_dict()) == 382  # 424 less 40 of two COSAMs and 2 of the classifier
    assert published["layer1.0.se_module.fc1.weight"].shape == (16, 256, 1, 1)
    assert published["layer4.2.se_module.fc2.weight"].shape == (2048, 128, 1, 1)
    assert published["layer2.0.downsample.0.weight"].shape == (512, 256, 1, 1)


@torch.no_grad()
@pytest.mark.parametrize("last_stride", [1, 2])
def test_against_a_forward_pass_by_published_names(trunk: SEResNet, published: State, last_stride: int) -> None:
    made = SEResNet(50, last_stride).eval()
    made.load_state_dict(trunk.state_dict())
    images = torch.randn(1, 3, 64, 48, generator=torch.Generator().manual_seed(2))
    expected = reference(published, images, last_stride)
    assert expected.shape == (1, 2048, 4 // last_stride, 4 // last_stride if last_stride == 2 else 3)
    torch.testing.assert_close(made(images), expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    made = tmp_path / "hub" / "checkpoints"
    made.mkdir(parents=True)
    return made


def test_weights_that_are_not_here_are_named_and_not_fetched(folder: Path) -> None:
    with torch.device("meta"):
        network = methods.create("cosam", 5, squeeze=True)
    with pytest.raises(methods.MethodError, match=r"SE-ResNet-50 weights of Cadene's pretrained-models") as caught:
        load_imagenet(network)
    assert IMAGENET in str(caught.value)
    assert str(folder) in str(caught.value)


def test_weights_on_disk_fill_the_trunk(folder: Path, trunk: SEResNet, published: State) -> None:
    torch.save(published, folder / IMAGENET)
    network = methods.create("cosam", 5, squeeze=True, blocks="none")
    assert load_imagenet(network) == 1
    for name, value in trunk.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            assert torch.equal(network.trunk.state_dict()[name], value), name


@pytest.mark.parametrize(
    ("key", "value"), [("layer3.5.se_module.fc1.bias", None), ("layer0.conv1.weight", torch.zeros(64, 3, 3, 3))]
)
def test_another_networks_file_is_named(folder: Path, published: State, key: str, value: Tensor | None) -> None:
    broken = {name: one for name, one in published.items() if name != key}
    if value is not None:
        broken[key] = value
    torch.save(broken, folder / IMAGENET)
    made = SEResNet()
    before = made.conv1.weight.detach().clone()
    with pytest.raises(methods.MethodError, match=re.escape(key)) as caught:
        made.load_imagenet()
    assert str(folder / IMAGENET) in str(caught.value)
    assert torch.equal(made.conv1.weight, before)


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>"])
def test_a_damaged_file_is_named(folder: Path, content: bytes) -> None:
    (folder / IMAGENET).write_bytes(content)
    with pytest.raises(
        methods.MethodError,
        match=r"cannot be read as a checkpoint of PyTorch .*; replace it by the SE-ResNet-50 weights",
    ) as caught:
        SEResNet().load_imagenet()
    assert str(folder / IMAGENET) in str(caught.value)


def test_the_shallow_one_has_no_weights(folder: Path) -> None:
    with pytest.raises(methods.MethodError, match="take depth = 50"):
        SEResNet(18).load_imagenet()
