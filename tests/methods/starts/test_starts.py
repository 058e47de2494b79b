"""Cards beside their weights; which trunks of which networks a start fills, and which it does not."""

import re
from pathlib import Path

import pytest
import torch

import methods
from files.formats import toml
from methods import MethodError
from methods.cosam.se_resnet import SEResNet
from methods.layers.resnet import Trunk
from methods.starts import card as cards
from methods.starts.card import StartCard, card_of_file, read_card, shipped
from methods.starts.load import load_start, state_of
from tests.narrow import narrowed
from tests.starts import made_up


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> StartCard:
    """Of a full ResNet-50."""
    torch.manual_seed(11)
    return made_up(tmp_path_factory.mktemp("wide"), Trunk(50), 50)


@pytest.fixture
def narrow(tmp_path: Path) -> StartCard:
    """Of a narrow ResNet-18."""
    torch.manual_seed(12)
    with narrowed():
        return made_up(tmp_path, Trunk(18), 18)


def test_a_card_comes_back_as_it_was_written(narrow: StartCard) -> None:
    again = read_card(Path(narrow.path))
    assert again == narrow
    assert again.has_seen[0].seed == 901
    assert again.training.recipe["losses"] == {"triplet": 1.0}
    assert card_of_file(narrow.weights) == card_of_file(Path(narrow.path)) == narrow


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 2}, "format is 2"),
        ({"has_seen": []}, "has_seen is empty"),
        ({"name": "Not So"}, "a start is not called"),
        ({"sha256": "12"}, "64 hexadecimal digits"),
        ({"path": "/etc"}, "path is no part of a card"),
        ({"more": 1}, "unknown key 'more'"),
        ({"depth": None}, "the key 'depth' is missing"),
    ],
)
def test_what_is_wrong_with_a_card_is_named_with_its_file(
    narrow: StartCard, change: dict[str, object], words: str
) -> None:
    path = Path(narrow.path)
    values = {key: value for key, value in {**toml.read(path), **change}.items() if value is not None}
    path.write_text(toml.dumps(values), encoding="utf-8")
    with pytest.raises(MethodError, match=re.escape(words)) as caught:
        read_card(path)
    assert str(path) in str(caught.value)


def test_weights_are_held_against_their_digest(narrow: StartCard) -> None:
    content = bytearray(narrow.weights.read_bytes())
    content[-1] ^= 1
    narrow.weights.write_bytes(content)
    with pytest.raises(MethodError, match="but its card says"):
        state_of(narrow)
    narrow.weights.unlink()
    with pytest.raises(MethodError, match="is missing"):
        state_of(narrow)


def test_shipped_starts_are_found_by_their_cards(
    narrow: StartCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cards, "HOME", tmp_path)
    assert shipped() == {18: narrow}
    with narrowed():
        made_up(tmp_path, Trunk(18), 18, "second")
    with pytest.raises(MethodError, match="both of depth 18"):
        shipped()
    Path(narrow.path).rename(tmp_path / "other.toml")
    with pytest.raises(MethodError, match="called like its start"):
        shipped()


def test_those_of_the_suite_are_what_their_cards_say() -> None:
    """None may be here; those that are must be whole, small, and of worlds that are never reported."""
    from datasets.synthwalk.presets import RESERVED_FOR_START

    for depth, card in shipped().items():
        assert card.bytes == card.weights.stat().st_size < 30_000_000
        assert {one.seed for one in card.has_seen} <= set(RESERVED_FOR_START)
        Trunk(depth).load_start(state_of(card))


def test_both_trunks_of_tkp_are_filled_and_nothing_stays_fresh(wide: StartCard) -> None:
    network = methods.create("tkp", 5)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    filled = load_start(network, {50: wide})
    assert (filled.card, filled.trunks, filled.fresh) == (wide, 2, ())
    state = state_of(wide)
    assert torch.equal(network.image.conv1.weight, state["conv1.weight"])
    assert torch.equal(network.video.trunk.layer4[2].conv3.weight, state["layer4.2.conv3.weight"])
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert {name.split(".")[0] for name in changed} == {"image", "video"}
    assert not [name for name in changed if "block" in name]


@torch.no_grad()
def test_a_plain_trunk_gives_the_same_maps_in_whatever_network_it_stands(wide: StartCard) -> None:
    images = torch.randn(2, 3, 32, 16, generator=torch.Generator().manual_seed(3))
    gltr, vrstc = methods.create("gltr", 4), methods.create("vrstc", 4, network="plain", frame_size=(64, 32))
    assert {load_start(each, {50: wide}).trunks for each in (gltr, vrstc)} == {1}
    stem = [each.eval().trunk.layer1(each.trunk.stem(images)) for each in (gltr, vrstc)]
    assert torch.equal(*stem)


def test_squeeze_parts_of_a_se_resnet_stay_fresh_and_are_counted(wide: StartCard) -> None:
    torch.manual_seed(4)
    network = methods.create("cosam", 5, squeeze=True, blocks="none")
    gates = {name: value.clone() for name, value in network.trunk.state_dict().items() if "se_module" in name}
    filled = load_start(network, {50: wide})
    assert len(filled.fresh) == 64 == 4 * 16  # weight and bias of two convolutions in each of 16 bottlenecks
    assert all(".se_module." in name for name in filled.fresh)
    own = network.trunk.state_dict()
    assert all(torch.equal(own[name], value) for name, value in gates.items())
    assert all(torch.equal(own[name], value) for name, value in state_of(wide).items())


def test_a_network_without_trunks_keeps_its_initial_values(wide: StartCard) -> None:
    network = methods.create("vrstc", 4, network="stcnet", frame_size=(64, 32)).spatial
    before = {name: value.clone() for name, value in network.state_dict().items()}
    filled = load_start(network, {50: wide})
    assert (filled.card, filled.trunks) == (None, 0)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize("depth", [18, 34])
def test_a_depth_without_a_start_is_one_sentence(wide: StartCard, depth: int) -> None:
    with pytest.raises(MethodError, match=f"no start for trunks of depth {depth}; known: made-up \\(depth 50\\)"):
        load_start(Trunk(depth), {50: wide})


def test_a_start_that_does_not_fit_fills_nothing(tmp_path: Path) -> None:
    """A bottleneck trunk of depth 18, as COSAM's quick tests have it, is no ResNet-18."""
    card = made_up(tmp_path, Trunk(18), 18)
    network = SEResNet(18)
    before = network.conv1.weight.detach().clone()
    with pytest.raises(MethodError, match="made-up does not fit this network"):
        load_start(network, {18: card})
    assert torch.equal(network.conv1.weight, before)
