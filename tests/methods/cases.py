"""Arms of every paper as networks with something to see, for the tests of the contract.

The arm that bears its paper's name is made as it is; the others with a narrow ResNet-18 where their method has that
option, as the trunk is the same code and these tests should take seconds. For the same reason arms that differ in
nothing but the data that they learn from or are judged on are made once. Weights are perturbed so that what starts at
zero cannot hide a leak.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

import methods
from methods.cards.recipe import PROFILES, Stage, Turn
from methods.interface import AttributeTargets, FixedClip, LearnsAttributes
from tests.narrow import narrowed

NUM_IDS = 5
LENGTHS = (4, 2, 1)  # of three clips; a method of fixed clips gets three of its own length


Named = tuple[methods.cards.card.Card, str]


def different_arms() -> tuple[list[Named], list[Named]]:
    """Arms of every card, the first of those that are one network with one recipe; those before, the first of those
    that are one network, whatever they learn and by which paper."""
    found: dict[object, Named] = {}
    networks: dict[object, Named] = {}
    for card in methods.papers().values():
        for name, entry in card.arms.items():
            settings = repr(methods.arm(name, card).settings())
            data = {"label": "", "summary": "", "default": False, "train_on": "", "test_on": "", "attributes": ""}
            of_network = replace(entry, options={}, **data)
            one = found.setdefault((card.key, settings, repr(of_network)), (card, name))
            networks.setdefault(_network(*one), one)
    first = list(networks.values())
    return first, first + [one for one in found.values() if one not in first]


def _network(card: methods.cards.card.Card, name: str) -> object:
    """What decides the network that `made` makes, and what a card says of it."""
    arm = cheap(card, name)
    return arm.method, repr(arm.settings()), size_of(card, name), arm.attention, arm.temporal, repairs(card, arm)


@dataclass
class Case:
    card: methods.cards.card.Card
    arm: methods.Arm
    network: nn.Module
    clips: Tensor
    mask: Tensor
    labels: Tensor
    lengths: tuple[int, ...]
    size: tuple[int, int]
    first: Tensor  # a parameter as seed 0 makes it
    descriptors: Tensor  # of these clips in eval mode, before any test


def made(card: methods.cards.card.Card, name: str) -> Case:
    """An arm's network in eval mode, with clips for it; the same each time."""
    arm = cheap(card, name)
    torch.manual_seed(0)
    size = size_of(card, name)
    network = built(arm, size)
    first = next(iter(network.parameters())).detach().clone()
    generator = torch.Generator().manual_seed(1)
    lengths = (network.clip_length,) * len(LENGTHS) if isinstance(network, FixedClip) else LENGTHS
    clips = torch.randn(len(lengths), max(lengths), 3, *size, generator=generator)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    perturb(network, clips, mask)
    with torch.no_grad():
        descriptors = network.eval()(clips, mask)
    return Case(card, arm, network, clips, mask, torch.tensor([0, 0, 1]), lengths, size, first, descriptors)


def built(arm: methods.Arm, size: tuple[int, int]) -> nn.Module:
    """An arm's network; a ResNet-18 is narrow."""
    with narrowed():
        return arm.build(NUM_IDS, size)


def cheap(card: methods.cards.card.Card, name: str) -> methods.Arm:
    if name != card.key and "depth" in methods.arm(name, card).settings():
        return methods.arm(f"{name}[depth=18]", card)
    return methods.arm(name, card)


def size_of(card: methods.cards.card.Card, name: str) -> tuple[int, int]:
    return 64 if name == card.key else 32, 32


def repairs(card: methods.cards.card.Card, arm: methods.Arm) -> bool:
    """Whether an arm is one that paints hidden pixels."""
    return arm.role == "repairer" and arm.method == card.key


def perturb(network: nn.Module, clips: Tensor, mask: Tensor) -> None:
    """Move weights from their special starts, then give batch norms the statistics of these clips.

    Gains are kept small: where activations explode, attention saturates and leaks drown.
    """
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim == 1 or parameter.abs().max() < 0.02:
                parameter.mul_(0.3).add_(0.1 * torch.randn(parameter.shape, generator=generator))
        norms = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
        for norm in norms:
            norm.momentum = 0.9
        network.train()(clips, mask)
        for norm in norms:
            norm.momentum = 0.1


def assert_close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


def stages(case: Case) -> list[Stage]:
    """Different stages of the arm's recipes, in both profiles, with regard to what they train and by what."""
    found = {
        (tuple((tuple(turn.losses), turn.trains) for turn in stage.all_turns), stage.fresh): stage
        for profile in PROFILES
        for stage in case.card.recipe(case.arm.recipe, profile).stages
    }
    return list(found.values())


def turns(case: Case) -> list[Turn]:
    """Different updates in the arm's recipes."""
    return list({(tuple(t.losses), t.trains): t for stage in stages(case) for t in stage.all_turns}.values())


def told(case: Case) -> tuple[AttributeTargets, ...]:
    """What the losses of a method that learns attributes take besides: of the second clip nothing is known."""
    if not isinstance(case.network, LearnsAttributes):
        return ()
    generator = torch.Generator().manual_seed(5)
    values = torch.randint(2, (len(LENGTHS), sum(case.network.groups)), generator=generator).float()
    values[0, ::5], values[1] = torch.nan, torch.nan
    return (AttributeTargets(values, torch.linspace(0.1, 0.9, values.shape[1])),)


def total(case: Case, clips: Tensor, names: tuple[str, ...], mask: Tensor | None = None) -> Tensor:
    torch.manual_seed(4)  # dropout
    found = case.network.losses(clips, case.mask if mask is None else mask, case.labels, names, *told(case))
    assert set(found) == set(names), "exactly what is wanted is computed"
    assert all(value.ndim == 0 for value in found.values())
    return torch.stack([found[name] for name in names]).sum()


NETWORKS, ARMS = different_arms()
