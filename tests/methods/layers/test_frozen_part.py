"""The frozen part of a trunk: the same answer from its maps as from images, and where it ends in each network."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import methods
from methods.errors import MethodError
from methods.layers.resnet import (
    Trunk,
    beginning_behind,
    block_names,
    frozen_modules,
    keep_until,
    maps_behind,
    shared_block,
    up_to,
)
from runners.training.optimizer import set_trainable

SIZE = (64, 32)
NETWORKS: dict[str, tuple[str, dict[str, Any], str]] = {
    "baseline": ("baseline", {"depth": 18, "embed": 16}, "layer3.1"),
    "gltr": ("gltr", {"depth": 18, "embed": 16}, "layer3.1"),
    "adfd": ("adfd", {"depth": 18, "groups": (2, 3)}, "layer3.1"),
    "cosam behind 4": ("cosam", {"depth": 18, "blocks": (4, 5)}, "layer3.1"),
    "cosam behind 2": ("cosam", {"depth": 18, "blocks": (2,)}, "layer1.1"),
    "tkp": ("tkp", {"depth": 18}, "layer2.1"),
    "tkp without non-local blocks": ("tkp", {"depth": 18, "non_local": False}, "layer3.1"),
    "vrstc": ("vrstc", {"depth": 18, "network": "non-local"}, "layer2.1"),
    "se": ("cosam", {"depth": 18, "squeeze": True, "blocks": "none"}, ""),
}


def network_of(method: str, options: dict[str, Any]) -> nn.Module:
    torch.manual_seed(0)
    network = methods.create(method, num_ids=5, frame_size=SIZE, **options)
    for module in network.modules():  # away from values under which a block does nothing
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 0.5, 0.2)
            nn.init.normal_(module.bias, std=0.2)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return network.eval()


def of_all_frames(network: nn.Module, clips: Tensor, block: str) -> Tensor:
    trunk = next(module for module in network.modules() if isinstance(module, Trunk))
    maps = maps_behind(trunk, clips.flatten(0, 1), block)
    return maps.reshape(*clips.shape[:2], *maps.shape[1:])


@torch.inference_mode()
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_answers_the_same_from_the_maps_of_the_block_that_it_shares(name: str) -> None:
    method, options, expected = NETWORKS[name]
    network = network_of(method, options)
    assert shared_block(network) == ""  # as long as nobody says what is kept
    keep_until(network, ["layer4.0", "layer3"])
    assert shared_block(network) == expected
    if not expected:
        return
    torch.manual_seed(1)
    clips, mask = torch.randn(2, 4, 3, *SIZE), torch.ones(2, 4, dtype=torch.bool)
    if method == "tkp":  # two trunks, which begin with the same weights
        network.image.load_state_dict(network.video.trunk.state_dict())
    wanted, maps = network(clips, mask), of_all_frames(network, clips, expected)
    with beginning_behind(network, expected):
        assert torch.allclose(network(maps, mask), wanted, atol=1e-5, rtol=1e-4)
    assert torch.equal(network(clips, mask), wanted)  # and takes images again afterwards


def test_what_was_trained_from_scratch_once_keeps_nothing() -> None:
    network = network_of("baseline", {"depth": 18})
    for lasts in ([], ["layer3", ""]):
        keep_until(network, lasts)
        assert shared_block(network) == ""


def test_blocks_are_named_in_order_and_a_stage_ends_with_its_last_block() -> None:
    trunk = Trunk(50)
    names = block_names(trunk)
    assert len(names) == 1 + 3 + 4 + 6 + 3 and names[:2] == ["stem", "layer1.0"] and names[-1] == "layer4.2"
    assert up_to(trunk, "layer3")[-1] == "layer3.5" and up_to(trunk, "stem") == ["stem"]
    assert up_to(Trunk(18), "layer4.0")[-1] == "layer4.0"
    with pytest.raises(MethodError, match=r"no block 'layer4.3'.*layer4.2 is one"):
        up_to(trunk, "layer4.3")


def test_frozen_blocks_and_the_others_are_the_whole_trunk() -> None:
    trunk = Trunk(50)
    frozen = {id(p) for module in frozen_modules(trunk, "layer4.1") for p in module.parameters()}
    rest = {id(p) for p in trunk.layer4[2].parameters()}
    assert not frozen & rest and frozen | rest == {id(p) for p in trunk.parameters()}


def test_a_stage_leaves_frozen_blocks_as_they_are_with_their_statistics() -> None:
    network = network_of("tkp", {"depth": 18})
    set_trainable(network, ("*",), "layer3")
    before = {name: value.clone() for name, value in network.state_dict().items()}
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(learning, lr=0.1)
    clips, mask, labels = torch.randn(4, 2, 3, *SIZE), torch.ones(4, 2, dtype=torch.bool), torch.tensor([0, 0, 1, 1])
    network.losses(clips, mask, labels, ["cross_entropy"])["cross_entropy"].backward()
    optimizer.step()
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    early = ("conv1.", "bn1.", "layer1.", "layer2.", "layer3.")
    of_trunks = {
        name.split(".", 1 if name.startswith("image") else 2)[-1] for name in changed if "nonlocals" not in name
    }
    assert not [name for name in of_trunks if name.startswith(early)]
    assert {name for name in changed if name.startswith("image.layer4")}
    assert {name for name in changed if name.startswith("video.nonlocals")}  # they are no part of the start
    assert "image.bn1.running_mean" not in changed and "image.layer4.1.bn2.running_mean" in changed
