"""What `methods.interface.LearnsAttributes` promises, for every arm that learns attributes."""

import pytest
import torch

import methods
from methods.interface import FrameThenTime, LearnsAttributes
from tests.methods.cases import ARMS, LENGTHS, NUM_IDS, Case, assert_close, made, turns

LEARNERS = [(card, name) for card, name in ARMS if "groups" in methods.arm(name, card).settings()]


@pytest.fixture(scope="module", params=LEARNERS, ids=[f"{card.key}/{name}" for card, name in LEARNERS])
def case(request: pytest.FixtureRequest) -> Case:
    return made(*request.param)


@torch.no_grad()
def test_attributes_are_told_from_own_frames_alone(case: Case) -> None:
    assert isinstance(case.network, LearnsAttributes) and isinstance(case.network, FrameThenTime)
    features = torch.full((*case.mask.shape, case.network.frame_dim), float("nan"))
    features[case.mask] = case.network.frame_features(case.clips[case.mask])
    found = case.network.attribute_probabilities(features, case.mask)
    assert found.shape == (len(LENGTHS), sum(case.network.groups))
    assert 0 <= found.min() < found.max() <= 1
    for row, length in enumerate(case.lengths):
        whole = slice(row, row + 1), slice(length)
        assert_close(case.network.attribute_probabilities(features[whole], case.mask[whole]), found[whole[0]])
    assert methods.arm(case.arm.name, case.card).with_groups((2, 3)).build(NUM_IDS, case.size).groups == (2, 3)


def test_losses_of_attributes_need_attributes(case: Case) -> None:
    names = {name for turn in turns(case) for name in turn.losses} - {"cross_entropy"}
    assert names
    for name in names:
        with pytest.raises(methods.MethodError, match=f"loss '{name}' needs to know attributes"):
            case.network.losses(case.clips, case.mask, case.labels, [name])
