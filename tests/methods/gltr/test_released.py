"""The authors' checkpoint layout, rebuilt here from its description alone, and their forward pass beside ours."""

from collections.abc import Callable

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional

import methods
from methods.gltr.released import load_released

IDS = 7
State = dict[str, Tensor]


@pytest.fixture(scope="module")
def trunk() -> nn.Module:
    """Their trunk: torchvision's, last stride 1, with batch norm statistics that are not trivial."""
    torch.manual_seed(0)
    net = torchvision.models.resnet50(num_classes=1)
    net.layer4[0].conv2.stride = net.layer4[0].downsample[0].stride = (1, 1)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    net.fc = nn.Identity()
    return net.eval()


@pytest.fixture(scope="module")
def state(trunk: nn.Module) -> State:
    """343 entries as their code would save them."""
    torch.manual_seed(1)
    entries: State = {key: value for key, value in trunk.state_dict().items() if not key.startswith("fc.")}

    def norm(name: str, width: int) -> None:
        for part in ("weight", "bias", "running_mean"):
            entries[f"{name}.{part}"] = torch.randn(width)
        entries[f"{name}.running_var"] = torch.rand(width) + 0.5
        entries[f"{name}.num_batches_tracked"] = torch.tensor(499)

    entries["feat.weight"], entries["feat.bias"] = torch.randn(128, 2048) * 0.05, torch.randn(128)
    for i in (1, 2, 3):
        entries[f"feat{i}.weight"] = torch.randn(128, 1, 3, 128) * 0.05
    for part in ("g", "theta", "phi"):
        entries[f"Nonlocal_block0.{part}.weight"] = torch.randn(256, 512, 1) * 0.03
        entries[f"Nonlocal_block0.{part}.bias"] = torch.randn(256) * 0.1
    entries["Nonlocal_block0.W.0.weight"] = torch.randn(512, 256, 1) * 0.05
    entries["Nonlocal_block0.W.0.bias"] = torch.randn(512) * 0.1
    norm("Nonlocal_block0.W.1", 512)
    norm("feat_bn", 512)
    entries["classifier.weight"], entries["classifier.bias"] = torch.randn(IDS, 512), torch.randn(IDS)
    assert len(entries) == 343
    return entries


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return methods.create("gltr", IDS, reading="released").eval()


def released_forward(trunk: nn.Module, s: State, clip: Tensor) -> Tensor:
    """One tracklet ``[T, 3, H, W]`` as their network computes it, with their 2-D convolutions."""
    frames = functional.linear(trunk(clip), s["feat.weight"], s["feat.bias"])  # [T, 128]
    image = frames[None, None]  # [1, 1, T, 128]
    levels = [frames.T[None]]
    for i in (1, 2, 3):
        y = functional.conv2d(image, s[f"feat{i}.weight"], dilation=(i, 1), padding=(i, 0))  # [1, 128, T, 1]
        levels.append(y[..., 0])
    x = torch.cat(levels, dim=1)  # [1, 512, T]

    def conv(name: str, value: Tensor) -> Tensor:
        name = f"Nonlocal_block0.{name}"
        return functional.conv1d(value, s[f"{name}.weight"], s[f"{name}.bias"])

    attention = torch.softmax(conv("theta", x).transpose(1, 2) @ conv("phi", x), dim=-1)  # [1, T, T]
    y = (attention @ conv("g", x).transpose(1, 2)).transpose(1, 2)
    w = "Nonlocal_block0.W.1"
    y = functional.batch_norm(
        conv("W.0", y), s[f"{w}.running_mean"], s[f"{w}.running_var"], s[f"{w}.weight"], s[f"{w}.bias"]
    )
    return (x + y).mean(dim=2)[0]


@torch.no_grad()
def test_a_released_checkpoint_gives_the_released_outputs(network: nn.Module, trunk: nn.Module, state: State) -> None:
    load_released(network, state)
    clips = torch.randn(2, 5, 3, 64, 32)
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    found = network(clips, mask)
    for row, length in enumerate((5, 3)):
        expected = released_forward(trunk, state, clips[row, :length])
        torch.testing.assert_close(found[row], expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))
    expected_logits = functional.linear(
        functional.batch_norm(
            found,
            state["feat_bn.running_mean"],
            state["feat_bn.running_var"],
            state["feat_bn.weight"],
            state["feat_bn.bias"],
        ).relu(),
        state["classifier.weight"],
        state["classifier.bias"],
    )
    torch.testing.assert_close(network.classifier(network.neck(found)), expected_logits, rtol=1e-3, atol=1e-3)


def test_a_test_only_checkpoint_leaves_the_classifier_alone(network: nn.Module, state: State) -> None:
    before = network.classifier.weight.detach().clone()
    rest = {key: value for key, value in state.items() if not key.startswith("classifier")}
    assert len(rest) == 341
    load_released(network, rest)
    assert torch.equal(network.classifier.weight, before)
    assert torch.equal(network.embed.bias, state["feat.bias"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("feat2.weight"), r"missing feat2\.weight; unknown nothing"),
        (lambda s: s.pop("layer3.4.bn2.running_var"), r"missing layer3\.4\.bn2\.running_var"),
        (lambda s: s.pop("classifier.bias"), r"missing classifier\.bias"),
        (lambda s: s.update({"fc.weight": torch.zeros(1)}), r"missing nothing; unknown fc\.weight"),
        (lambda s: s.update({"feat.weight": torch.zeros(128, 512)}), r"feat\.weight has shape \[128, 512\]"),
        (lambda s: s.update({"feat1.weight": torch.zeros(128, 128, 3)}), r"expected \[128, 1, 3, 128\]"),
        (lambda s: s.update({"feat1.weight": torch.zeros(128, 1, 5, 128)}), r"feat1\.weight has shape"),
        (lambda s: s.update({"classifier.weight": torch.zeros(9, 512)}), "with that many num_ids"),
    ],
)
def test_a_wrong_checkpoint_is_named_and_changes_nothing(
    network: nn.Module, state: State, change: Callable[[State], object], message: str
) -> None:
    broken = dict(state)
    change(broken)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    with pytest.raises(methods.MethodError, match=message):
        load_released(network, broken)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


@pytest.mark.parametrize("options", [{}, {"reading": "released", "tsa": False}, {"reading": "released", "branches": 2}])
def test_another_structure_is_refused(state: State, options: dict[str, object]) -> None:
    with torch.device("meta"):
        network = methods.create("gltr", IDS, **options)
    with pytest.raises(methods.MethodError, match=r"reading='released'"):
        load_released(network, state)
