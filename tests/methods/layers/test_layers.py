"""Trunk, pooling, packing and the per-frame control."""

from pathlib import Path

import pytest
import torch
import torchvision
from torch import nn

import methods
from methods.layers.packing import pack, unpack, zero_padding
from methods.layers.per_frame_mlp import PerFrameMLP, replace_temporal
from methods.layers.pooling import FramePool, masked_max, masked_mean
from methods.layers.resnet import Trunk, load_imagenet


def test_trunk_is_torchvisions_network_without_classifier() -> None:
    trunk = Trunk(18).eval()
    net = torchvision.models.resnet18()
    keys = {key for key in net.state_dict() if not key.startswith("fc.")}
    assert set(trunk.state_dict()) == keys
    net.load_state_dict(trunk.state_dict(), strict=False)
    net.fc = nn.Identity()
    images = torch.randn(2, 3, 64, 32)
    with torch.no_grad():
        torch.testing.assert_close(trunk(images).mean(dim=(2, 3)), net.eval()(images))


@pytest.mark.parametrize(("depth", "channels"), [(18, 512), (50, 2048)])
def test_last_stride(depth: int, channels: int) -> None:
    for stride, size in ((2, (2, 1)), (1, (4, 2))):
        trunk = Trunk(depth, last_stride=stride)
        assert trunk.channels == channels
        with torch.no_grad():
            assert trunk(torch.zeros(1, 3, 64, 32)).shape == (1, channels, *size)


def test_parameters_of_trunks_and_of_the_plain_baseline() -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in Trunk(50).parameters()) == 23_508_032
        network = methods.create("baseline", 625)
    assert sum(p.numel() for p in network.parameters()) == 24_788_657  # as in the log shipped with the JG code


def test_residual_branches_can_start_at_zero() -> None:
    trunk = Trunk(18, zero_init_residual=True)
    images = torch.rand(1, 64, 8, 4)
    with torch.no_grad():
        assert torch.equal(trunk.layer1(images), images)
    assert Trunk(18, zero_init_residual=False).layer1[0].bn2.weight.min() == 1


def test_there_is_no_resnet_51() -> None:
    with pytest.raises(methods.MethodError, match="no ResNet-51"):
        Trunk(51)


def test_missing_imagenet_weights_name_file_and_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    torch.hub.set_dir(str(tmp_path))

    def offline(*args: object, **kwargs: object) -> None:
        raise OSError("no network here")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    try:
        with pytest.raises(methods.MethodError) as caught:
            load_imagenet(Trunk(18))
        assert "resnet18-f37072fd.pth" in str(caught.value)
        assert str(tmp_path / "checkpoints") in str(caught.value)
        assert "no network here" in str(caught.value)
        (tmp_path / "checkpoints").mkdir(exist_ok=True)
        (tmp_path / "checkpoints" / "resnet18-f37072fd.pth").write_bytes(b"cut off")
        with pytest.raises(methods.MethodError, match=r"resnet18-f37072fd\.pth is no readable weights file"):
            load_imagenet(Trunk(18))
        state = torchvision.models.resnet18(num_classes=1000).state_dict()
        torch.save(state, tmp_path / "checkpoints" / "resnet18-f37072fd.pth")
        trunk = Trunk(18)
        assert load_imagenet(nn.ModuleDict({"trunk": trunk})) == 1
        assert torch.equal(trunk.layer4[1].conv2.weight, state["layer4.1.conv2.weight"])
    finally:
        torch.hub._hub_dir = None


def test_imagenet_needs_a_trunk() -> None:
    with pytest.raises(methods.MethodError, match="no trunk that has any"):
        load_imagenet(nn.Linear(1, 1))


def test_pooling_by_hand_whatever_stands_on_padding() -> None:
    features = torch.tensor([[[1.0, -4.0], [3.0, -2.0], [float("nan"), 9.0]], [[-5.0, 1.0], [7.0, 7.0], [0.0, 8.0]]])
    mask = torch.tensor([[True, True, False], [True, False, False]])
    assert masked_mean(features, mask).tolist() == [[2.0, -3.0], [-5.0, 1.0]]
    assert masked_max(features, mask).tolist() == [[3.0, -2.0], [-5.0, 1.0]]
    assert zero_padding(features, mask)[0, 2].tolist() == [0.0, 0.0]


def test_test_pool_max_is_for_testing_only() -> None:
    features, mask = torch.tensor([[[1.0], [3.0]]]), torch.ones(1, 2, dtype=torch.bool)
    pool = FramePool("max")
    assert pool.train()(features, mask).item() == 2
    assert pool.eval()(features, mask).item() == 3


def test_packing_takes_real_frames_in_order_and_puts_them_back() -> None:
    clips = torch.arange(12.0).reshape(2, 3, 2) + 1
    mask = torch.tensor([[True, False, True], [False, True, True]])  # holes are allowed
    rows = pack(clips, mask)
    assert rows[:, 0].tolist() == [1, 5, 9, 11]
    assert torch.equal(unpack(rows, mask), clips * mask[..., None])
    everything = torch.ones_like(mask)
    assert torch.equal(unpack(pack(clips, everything), everything), clips)


@pytest.mark.parametrize("parameters", [49_152, 443_328, 674_048, 1_918_528])
def test_per_frame_control_matches_any_head_of_gltr(parameters: int) -> None:
    for width in (128, 384, 512):
        count = sum(p.numel() for p in PerFrameMLP(128, width, parameters).parameters())
        assert abs(count - parameters) <= 0.01 * parameters


def test_per_frame_control_keeps_the_scale_of_features() -> None:
    torch.manual_seed(0)
    control, features = PerFrameMLP(128, 384, 443_328), torch.randn(64, 1, 128)
    with torch.no_grad():
        found = control(features, torch.ones(64, 1, dtype=torch.bool))
    assert 0.5 < float(found.std()) < 2


def test_per_frame_control_says_when_it_cannot_exist() -> None:
    with pytest.raises(methods.MethodError, match="cannot have 300 parameters"):
        PerFrameMLP(128, 128, 300)
    with torch.device("meta"):
        network = methods.create("baseline", 5)
    with pytest.raises(methods.MethodError, match="no parameters"):
        replace_temporal(network)
    with pytest.raises(methods.MethodError, match="no temporal head"):
        replace_temporal(nn.Linear(2, 2))
