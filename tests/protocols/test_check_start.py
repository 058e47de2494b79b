"""Whether a start has seen the data that it is to be scored on."""

from dataclasses import replace

import pytest

import protocols
from protocols.checks import KnownData, check_start

WORLD = KnownData("synthwalk 2", ("a" * 32,), "c" * 32, seed=901, style="street")
MARS = KnownData("mars 1", ("b" * 32,), "d" * 32)


@pytest.mark.parametrize(
    ("test", "why"),
    [
        (WORLD, "seed 901, style street"),
        (replace(WORLD, fingerprints=("e" * 32,), content="", style="hall"), "seed 901"),  # the same people, redressed
        (replace(WORLD, seed=None, content=""), "fingerprint " + "a" * 32),
        (replace(MARS, fingerprints=("f" * 32, "b" * 32)), "fingerprint " + "b" * 32),  # repaired from what it has seen
        (replace(MARS, fingerprints=("f" * 32,)), "its frames are the same"),  # another division
    ],
)
def test_the_same_people_are_found(test: KnownData, why: str) -> None:
    check = check_start("some-start", [MARS, WORLD], test)
    assert not check.passed
    assert why in check.detail and "some-start" in check.detail


@pytest.mark.parametrize(
    "test",
    [
        KnownData("synthwalk 2", ("f" * 32,), seed=1),
        KnownData("duke 1", ("f" * 32,)),  # no seed and no content are no likeness
    ],
)
def test_others_are_admitted_by_every_protocol(test: KnownData) -> None:
    seen = [WORLD, KnownData("own", ("9" * 32,))]
    for name in protocols.names():
        assert protocols.load(name).admit_start("some-start", seen, test).passed
        assert not protocols.load(name).admit_start("some-start", seen, WORLD).passed
