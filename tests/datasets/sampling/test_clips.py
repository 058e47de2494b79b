"""Frame sampling: the published rules on worked cases, and properties for every length."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.errors import DataError
from datasets.sampling.clips import (
    RULES,
    Clip,
    chunked,
    consecutive,
    evenly,
    every,
    gltr,
    leading,
    rule,
    shuffled,
    strided,
)
from datasets.seeding import generator

profile = settings.get_profile("datasets")
LENGTHS = st.integers(1, 300)
CLIPS = st.integers(1, 40)
SEEDS = st.integers(0, 2**20)
SHORTS = st.sampled_from(["loop", "repeat-last", "pad"])


class Fixed(np.random.Generator):
    """A generator whose uniform number is given."""

    def __init__(self, uniform: float) -> None:
        super().__init__(np.random.Philox(0))
        self.uniform = uniform

    def random(self, *_: object, **__: object) -> float:  # type: ignore[override]
        return self.uniform


def starts(length: int, clip: int, **options: str) -> set[int]:
    return {int(consecutive(length, clip, generator(i), **options).indices[0]) for i in range(400)}


@given(LENGTHS, CLIPS, SEEDS, SHORTS)
@profile
def test_consecutive_frames_are_neighbours(length: int, clip: int, seed: int, short: str) -> None:
    indices, mask = consecutive(length, clip, generator(seed), short=short)
    assert indices.shape == mask.shape == (clip,)
    assert indices.dtype == np.int64
    if length >= clip:
        assert mask.all()
        assert (np.diff(indices) == 1).all()
        assert indices[0] >= 0
        assert indices[-1] < length
        return
    real = list(range(length))
    missing = clip - length
    assert indices[:length].tolist() == real
    if short == "loop":
        assert indices.tolist() == (real * (missing // length + 2))[:clip]
    else:
        assert indices[length:].tolist() == [length - 1] * missing
    assert mask.tolist() == [True] * length + [short != "pad"] * missing


def test_the_off_by_one_of_the_published_code_never_draws_the_last_start() -> None:
    assert starts(10, 4) == set(range(7))
    assert starts(10, 4, starts="all-but-last") == set(range(6))
    assert starts(5, 4) == {0, 1}
    assert starts(5, 4, starts="all-but-last") == {0}
    assert starts(4, 4) == starts(4, 4, starts="all-but-last") == {0}


@pytest.mark.parametrize("length", [5, 15, 16, 17, 18, 36, 900])
@pytest.mark.parametrize("uniform", [0.0, 0.31, 0.5, 0.999999])
def test_gltr_start_is_the_released_expression(length: int, uniform: float) -> None:
    indices, mask = gltr(length, 16, Fixed(uniform))
    start = int(uniform * (length - 16)) if length >= 16 else 0
    assert indices.tolist() == [(start + t) % length for t in range(16)]
    assert mask.all()


@given(LENGTHS, SEEDS)
@profile
def test_tkp_takes_four_frames_eight_apart(length: int, seed: int) -> None:
    paper = strided(length, 4, 8, generator(seed)).indices
    code = strided(length, 4, 8, generator(seed), short="random-sorted").indices
    if length >= 32:
        assert (np.diff(paper) == 8).all()
        assert 0 <= paper[0] <= length - 25
        assert code.tolist() == paper.tolist()
        return
    assert (code >= 0).all()
    assert (code < length).all()
    assert (np.diff(code) >= 0).all()
    assert len(set(code.tolist())) == 4 or length < 4
    # duplicated: eight apart modulo the length
    assert ((np.diff(paper) - 8) % length == 0).all()


def test_strided_reaches_the_last_frame() -> None:
    last = {int(strided(33, 4, 8, generator(i)).indices[-1]) for i in range(300)}
    assert last == set(range(24, 33))


def test_strided_padding_masks_what_is_not_there() -> None:
    clip = strided(10, 4, 8, generator(0), short="pad")
    assert clip.indices.tolist() == [0, 8, 9, 9]
    assert clip.mask.tolist() == [True, True, False, False]


@given(LENGTHS, CLIPS, SEEDS)
@profile
def test_chunks_cover_the_tracklet_one_frame_each(length: int, clip: int, seed: int) -> None:
    for rng in (generator(seed), None):
        indices, mask = chunked(length, clip, rng)
        assert indices.shape == mask.shape == (clip,)
        assert mask.all()
        if length >= clip:
            borders = [t * length // clip for t in range(clip + 1)]
            assert all(low <= i < high for low, i, high in zip(borders, indices.tolist(), borders[1:], strict=False))


def test_chunk_choices_at_test() -> None:
    assert chunked(16, 4, None).indices.tolist() == [1, 5, 9, 13]
    assert chunked(12, 4, None).indices.tolist() == [1, 4, 7, 10]
    assert chunked(16, 4, None, pick="first").indices.tolist() == [0, 4, 8, 12]
    drawn = {i for seed in range(300) for i in chunked(16, 4, generator(seed)).indices.tolist()}
    assert drawn == set(range(16))  # every frame can be drawn


def test_torchreid_drops_the_tail_and_repeats_the_last_frame() -> None:
    assert evenly(47, 15, rule="torchreid").indices.tolist() == list(range(0, 45, 3))
    assert evenly(59, 15, rule="torchreid").indices.tolist() == list(range(0, 45, 3))  # 45..58 never seen
    assert evenly(3, 5, rule="torchreid").indices.tolist() == [0, 1, 2, 2, 2]


@given(LENGTHS, CLIPS)
@profile
def test_even_spread_has_both_ends_and_equal_steps(length: int, clip: int) -> None:
    indices = evenly(length, clip).indices
    assert (np.diff(indices) >= 0).all()
    if length >= clip > 1:
        assert (indices[0], indices[-1]) == (0, length - 1)
        steps = np.diff(indices)
        assert steps.max() - steps.min() <= 1
        assert (indices + indices[::-1] - (length - 1) >= 0).all()  # ties are rounded up, on every machine


def test_leading_halves_the_stride_until_it_fits() -> None:
    expected = {25: [0, 8, 16, 24], 24: [0, 4, 8, 12], 13: [0, 4, 8, 12], 12: [0, 2, 4, 6], 7: [0, 2, 4, 6]}
    expected |= {6: [0, 1, 2, 3], 4: [0, 1, 2, 3], 3: [0, 1, 2, 0], 1: [0, 0, 0, 0]}
    for length, indices in expected.items():
        assert leading(length, 4, 8).indices.tolist() == indices, length


def test_every_frame_once() -> None:
    indices, mask = every(7)
    assert indices.tolist() == list(range(7))
    assert mask.all()


@given(LENGTHS, CLIPS, SEEDS, st.sampled_from(sorted(RULES)))
@profile
def test_every_rule_stays_inside_and_depends_on_its_generator_alone(
    length: int, clip: int, seed: int, name: str
) -> None:
    first = RULES[name](length, clip, generator(seed))
    second = RULES[name](length, clip, generator(seed))
    assert first.indices.tolist() == second.indices.tolist()
    assert first.indices.dtype == np.int64
    assert first.mask.dtype == np.bool_
    assert first.indices.shape == first.mask.shape
    assert first.indices.min() >= 0
    assert first.indices.max() < length
    assert first.mask[0]


@given(st.integers(1, 30), st.integers(1, 30), SEEDS)
@profile
def test_shuffling_keeps_the_frames_and_the_padding(length: int, clip: int, seed: int) -> None:
    ordered = consecutive(length, clip, generator(seed), short="pad")
    mixed = shuffled(ordered, generator(seed, "shuffle"))
    assert sorted(mixed.indices[mixed.mask].tolist()) == sorted(ordered.indices[ordered.mask].tolist())
    assert mixed.mask.tolist() == ordered.mask.tolist()
    assert mixed.indices[~mixed.mask].tolist() == ordered.indices[~ordered.mask].tolist()


def test_shuffling_changes_the_order() -> None:
    clip = Clip(np.arange(16), np.ones(16, dtype=bool))
    assert shuffled(clip, generator(1)).indices.tolist() != list(range(16))


def test_unknown_choices_are_refused() -> None:
    rng = generator(0)
    with pytest.raises(DataError, match="gltr"):
        rule("gltrr")
    with pytest.raises(DataError, match="short='zeros'"):
        consecutive(5, 8, rng, short="zeros")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="starts"):
        consecutive(5, 8, rng, starts="some")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="0 frames"):
        every(0)
    with pytest.raises(DataError, match="clip of 0"):
        evenly(5, 0)
    with pytest.raises(DataError, match="stride=0"):
        strided(5, 4, 0, rng)
    with pytest.raises(DataError, match="pick"):
        chunked(5, 4, None, pick="last")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="rule"):
        evenly(5, 4, rule="linspace")  # type: ignore[arg-type]
