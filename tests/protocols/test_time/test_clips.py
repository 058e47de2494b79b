"""Which frames each choice feeds: by hand from what the papers and their code say, and what holds for every choice."""

from dataclasses import replace

import numpy as np
import pytest

import protocols
from datasets.errors import DataError
from datasets.sampling.snippets import overlapping, strided_clips, wrapping
from protocols.errors import ProtocolError
from protocols.test_time.clips import clips_of, fitting, own_snippets
from protocols.test_time.inputs import Variants
from protocols.test_time.variants import Choice

WAYS = protocols.load("snippet-vs-full").feed
assert isinstance(WAYS, Variants)
CHOICES = {choice.name: choice for choice in WAYS.choices}
LENGTHS = (1, 2, 3, 7, 8, 9, 15, 16, 31, 32, 33, 40, 64, 129, 400)


def fed(name: str, length: int, *, answer: bool = False) -> list[list[int]]:
    """Real frames of each clip."""
    cut = clips_of(CHOICES[name], length, answer=answer)
    return [frames[mask].tolist() for frames, mask in zip(cut.indices, cut.mask, strict=True)]


@pytest.mark.parametrize(
    ("name", "length", "clips"),
    [
        ("single", 10, [[4]]),
        ("single-first", 10, [[0]]),
        ("even-4", 10, [[0, 3, 6, 9]]),
        ("even-4", 3, [[0, 1, 2]]),
        ("even-2", 1, [[0]]),
        # COSAM, released code: n = 10 ends with 8 9 8 9, n = 9 with 8 8 8 8
        ("snippets-4", 10, [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 8, 9]]),
        ("snippets-4", 9, [[0, 1, 2, 3], [4, 5, 6, 7], [8, 8, 8, 8]]),
        ("snippets-8-wrap", 10, [[0, 1, 2, 3, 4, 5, 6, 7], [8, 9, 0, 1, 2, 3, 4, 5]]),
        ("snippets-8-repeat-last", 10, [[0, 1, 2, 3, 4, 5, 6, 7], [8, 9, 9, 9, 9, 9, 9, 9]]),
        ("snippets-8-pad", 10, [[0, 1, 2, 3, 4, 5, 6, 7], [8, 9]]),
        ("snippets-8-drop", 10, [[0, 1, 2, 3, 4, 5, 6, 7]]),
        ("snippets-8-drop", 3, [[0, 1, 2, 0, 1, 2, 0, 1]]),
        # the evenly of torchreid: 44 frames give stride 2, and frames 29 to 43 are never seen
        ("torchreid-15", 44, [list(range(0, 30, 2))]),
        ("torchreid-15", 13, [[*range(13), 12, 12]]),
        # TKP's test inside training: the lengths at which the distance changes
        ("tkp-4", 25, [[0, 8, 16, 24]]),
        ("tkp-4", 24, [[0, 4, 8, 12]]),
        ("tkp-4", 13, [[0, 4, 8, 12]]),
        ("tkp-4", 12, [[0, 2, 4, 6]]),
        ("tkp-4", 7, [[0, 2, 4, 6]]),
        ("tkp-4", 6, [[0, 1, 2, 3]]),
        ("tkp-4", 3, [[0, 1, 2, 0]]),
        ("tkp-32", 40, [list(range(32)), list(range(32, 40))]),
        ("ste-8", 20, [[0, 2, 5, 7, 10, 12, 15, 17]]),
        ("chunks-8", 20, [[0, 3, 5, 8, 10, 13, 15, 18]]),
        ("bicnet-8", 9, [[0, 1, 2, 3, 4, 5, 6, 7], [8, 0, 1, 2, 3, 4, 5, 6]]),
        ("csa-8", 17, [list(range(8)), list(range(4, 12)), list(range(8, 16))]),
        ("csa-8", 16, [list(range(8)), list(range(4, 12))]),  # the window from 8 on would end at the last frame
        ("csa-10", 4, [[0, 1, 2, 3, 3, 3, 3, 3, 3, 3]]),
        ("m3d-320", 400, [list(range(320))]),
        ("whole", 5, [[0, 1, 2, 3, 4]]),
    ],
)
def test_by_hand(name: str, length: int, clips: list[list[int]]) -> None:
    assert fed(name, length) == clips


def test_astpn_takes_the_beginning_of_a_query_and_the_end_of_an_answer() -> None:
    assert fed("astpn-128", 200) == [list(range(128))]
    assert fed("astpn-128", 200, answer=True) == [list(range(72, 200))]
    assert fed("astpn-128", 90, answer=True) == [list(range(90))]


def test_windows_overlap_and_see_the_last_frame() -> None:
    assert overlapping(10, 4, 3).indices.tolist() == [[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9]]
    assert overlapping(11, 4, 3).indices.tolist() == [[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9], [7, 8, 9, 10]]
    assert overlapping(4, 4, 1).indices.tolist() == [[0, 1, 2, 3]]
    assert overlapping(3, 4, 1).indices.tolist() == [[0, 1, 2, 0]]


def test_windows_that_wrap_show_every_frame_as_often() -> None:
    for length in LENGTHS:
        counts = np.bincount(wrapping(length, 8).indices.ravel(), minlength=length)
        assert (counts == 8).all()
    assert wrapping(3, 2).indices.tolist() == [[0, 1], [1, 2], [2, 0]]


def test_frames_that_lie_apart_cover_blocks() -> None:
    assert strided_clips(8, 2, 4).indices.tolist() == [[0, 4], [1, 5], [2, 6], [3, 7]]
    assert strided_clips(10, 2, 4).indices.tolist() == [
        *strided_clips(8, 2, 4).indices.tolist(),
        [8, 2],
        [9, 3],
        [0, 4],
        [1, 5],
    ]
    for length in (1, 5, 32, 33, 70):
        assert set(strided_clips(length, 8, 4).indices.ravel().tolist()) == set(range(length))


def test_bad_windows_are_refused() -> None:
    for cut in (overlapping, strided_clips):
        with pytest.raises(DataError, match="stride=0"):
            cut(5, 4, 0)
    with pytest.raises(DataError, match="0 frames"):
        wrapping(0, 4)


@pytest.mark.parametrize("name", CHOICES)
def test_every_choice_feeds_frames_that_exist(name: str) -> None:
    choice = CHOICES[name]
    for length in LENGTHS:
        cut = clips_of(choice, length)
        assert cut.indices.shape == cut.mask.shape
        assert cut.indices.min() >= 0
        assert cut.indices.max() < length
        assert cut.mask[:, 0].all()  # no clip without a frame
        assert (np.diff(cut.mask.astype(int), axis=1) <= 0).all()  # padding stands at the end
        if choice.frames and choice.family != "whole" and choice.rest != "pad":
            assert cut.indices.shape[1] == choice.frames
            assert cut.mask.all()
        if choice.family in ("single", "even", "whole"):
            assert len(cut.indices) == 1
        every_frame = choice.family in ("snippets", "whole") or choice.name.startswith(("dense", "m3d-8"))
        if every_frame and choice.rest != "drop" and length <= 128:
            assert set(cut.indices[cut.mask].tolist()) == set(range(length))


@pytest.mark.parametrize("n", [2, 4, 8, 16, 32])
def test_at_exactly_n_frames_even_snippets_and_the_whole_are_one(n: int) -> None:
    assert fed(f"even-{n}", n) == fed(f"snippets-{n}", n) == fed("whole", n)


def test_every_published_rule_of_the_field_is_a_choice_or_left_out_with_a_reason() -> None:
    sources = " ".join(choice.source for choice in WAYS.choices)
    for who in ("JG", "COSAM", "torchreid", "TKP", "AP3D", "STE-NVAN", "BiCnet", "ASTPN", "RCN", "STMP", "GLTR", "M3D"):
        assert who in sources
    assert any("CSA" in one.name and "no single pass" in one.reason for one in WAYS.left_out)
    for n in (2, 4, 8, 16, 32):
        assert CHOICES[f"even-{n}"].curve
        assert CHOICES[f"snippets-{n}"].curve
    paddings = {choice.rest for choice in WAYS.choices if choice.name.startswith("snippets-8")}
    assert paddings == {"loop", "wrap", "repeat-last", "pad", "drop"}


@pytest.mark.parametrize("fixed", [3, 4, 8])
def test_a_network_of_fixed_clips_gets_full_clips_of_its_length_or_a_reason(fixed: int) -> None:
    for choice in WAYS.choices:
        taken, reason = fitting(choice, fixed)
        assert (taken is None) == bool(reason)
        if taken is None:
            assert f"exactly {fixed} frames" in reason
            continue
        for length in LENGTHS:
            cut = clips_of(taken, length)
            assert cut.indices.shape[1] == fixed
            assert cut.mask.all()
    own = own_snippets(fixed, WAYS.choices)
    assert (own in WAYS.choices) == (fixed in (4, 8))
    assert own.name == f"snippets-{fixed}"
    assert clips_of(own, fixed + 1).mask.all()


def test_a_network_of_any_length_gets_choices_as_they_are() -> None:
    assert all(fitting(choice, None) == (choice, "") for choice in WAYS.choices)


def test_incomplete_choices_are_refused() -> None:
    with pytest.raises(ProtocolError, match="how many frames"):
        replace(CHOICES["even-4"], frames=None)
    with pytest.raises(ProtocolError, match="rest is empty"):
        replace(CHOICES["snippets-4"], rest="")
    with pytest.raises(ProtocolError, match="rest = loop, repeat-last or pad"):
        Choice("x", "x", "even", "ends", "", 4, rest="drop")
    with pytest.raises(ProtocolError, match="the choice astpn-128: clips by ends need rest"):
        replace(CHOICES["astpn-128"], answers="ends")
    for changes, words in (
        ({"how": "random"}, "how='random' is unknown; choose one of all, first"),
        ({"family": "odd"}, "family='odd' is unknown"),
        ({"rest": "mirror"}, "rest='mirror' is unknown; choose one of loop, wrap"),
        ({"mean": "median"}, "mean='median' is unknown; choose one of clips, frames"),
        ({"answers": "none"}, "answers='none' is unknown"),
        ({"frames": 0}, "frames=0 must be a whole number of at least 1"),
        ({"stride": 0}, "stride=0 must be a whole number of at least 1"),
        ({"label": ""}, "needs a name and a label"),
    ):
        with pytest.raises(ProtocolError, match=words):
            replace(CHOICES["snippets-4"], **changes)
    with pytest.raises(DataError, match="empty tracklets"):
        clips_of(CHOICES["whole"], 0)
