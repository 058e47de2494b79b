"""Cutting tracklets into clips."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.errors import DataError
from datasets.sampling.snippets import snippets, windows

profile = settings.get_profile("datasets")


def test_the_published_rests_on_ten_frames_in_fours() -> None:
    whole = [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert snippets(10, 4, "loop").indices.tolist() == [*whole, [8, 9, 8, 9]]
    assert snippets(9, 4, "loop").indices.tolist() == [*whole, [8, 8, 8, 8]]
    assert snippets(8, 4, "loop").indices.tolist() == whole
    assert snippets(10, 4, "wrap").indices.tolist() == [*whole, [8, 9, 0, 1]]
    assert snippets(10, 4, "repeat-last").indices.tolist() == [*whole, [8, 9, 9, 9]]
    assert snippets(10, 4, "drop").indices.tolist() == whole
    padded = snippets(10, 4, "pad")
    assert padded.mask.tolist() == [[True] * 4, [True] * 4, [True, True, False, False]]
    assert padded.indices[padded.mask].tolist() == list(range(10))


def test_a_tracklet_shorter_than_a_clip() -> None:
    assert snippets(3, 4, "loop").indices.tolist() == [[0, 1, 2, 0]]
    assert snippets(3, 8, "wrap").indices.tolist() == [[0, 1, 2, 0, 1, 2, 0, 1]]
    assert snippets(3, 4, "drop").indices.tolist() == [[0, 1, 2, 0]]
    assert snippets(1, 4, "loop").indices.tolist() == [[0, 0, 0, 0]]


def test_four_frame_clips_of_the_published_count() -> None:
    assert [len(snippets(n, 4).indices) for n in (1, 4, 5, 36, 920)] == [1, 1, 2, 9, 230]


@given(st.integers(1, 200), st.integers(1, 40), st.sampled_from(["loop", "wrap", "repeat-last", "pad", "drop"]))
@profile
def test_every_frame_is_seen_and_whole_clips_are_neighbours(length: int, clip: int, rest: str) -> None:
    indices, mask = snippets(length, clip, rest)
    assert indices.shape == mask.shape
    assert indices.shape[1] == clip
    assert indices.min() >= 0
    assert indices.max() < length
    kept = length - length % clip if rest == "drop" and length >= clip else length
    assert set(indices[mask].tolist()) == set(range(kept))
    whole = length // clip
    assert indices[:whole].reshape(-1).tolist() == list(range(whole * clip))
    assert mask.all() or rest == "pad"
    assert mask.sum() == (length if rest == "pad" else mask.size)


def test_csa_windows_leave_the_last_full_one_out() -> None:
    assert windows(20, 10, 5).indices[:, 0].tolist() == [0, 5]  # 10 would be the last full one
    assert windows(21, 10, 5).indices[:, 0].tolist() == [0, 5, 10]
    assert windows(10, 10, 5).indices.tolist() == [list(range(10))]
    assert windows(3, 5, 2).indices.tolist() == [[0, 1, 2, 2, 2]]


@given(st.integers(1, 100), st.integers(1, 20), st.integers(1, 9))
@profile
def test_windows_agree_with_the_loop_of_the_paper_code(length: int, clip: int, stride: int) -> None:
    starts, s = [], 0
    while s < length - clip:
        starts.append(s)
        s += stride
    found = windows(length, clip, stride).indices
    expected = [[s + t for t in range(clip)] for s in starts]
    expected = expected or [[min(t, length - 1) for t in range(clip)]]
    assert np.array_equal(found, expected)


def test_impossible_cuts_are_refused() -> None:
    for call in (lambda: snippets(0, 4), lambda: snippets(4, 0), lambda: windows(5, 4, 0)):
        with pytest.raises(DataError):
            call()
    with pytest.raises(DataError, match="rest='ring'"):
        snippets(5, 4, "ring")  # type: ignore[arg-type]
