"""What a stage sees depends on the step's number alone."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from datasets.frames.decoded import FrameStore
from methods.cards.recipe import Augment, Clip, Length, Optimizer, Sampler, Stage
from runners.training.batches import BatchStream, pixels

LENGTHS = np.array([3, 20, 40, 7, 16, 5], dtype=np.int64)
LABELS = np.array([0, 0, 1, 1, 2, 2], dtype=np.int64)


def _stage(**changes: Any) -> Stage:
    plain = Stage(
        name="s",
        start="scratch",
        data="clips",
        clip=Clip("consecutive", 4),
        sampler=Sampler("shuffled", batch=4),
        losses={"cross_entropy": 1.0},
        optimizer=Optimizer("sgd", 0.1),
        length=Length(epochs=2),
    )
    return replace(plain, **changes)


def test_any_step_can_be_asked_first() -> None:
    """Resuming at step 9 gives the batch that an uninterrupted run would have seen."""
    straight = BatchStream(_stage(), LENGTHS, LABELS, seed=3)
    seen = [straight.picks(step) for step in range(12)]
    for step in (9, 2, 11):
        again = BatchStream(_stage(), LENGTHS, LABELS, seed=3).picks(step)
        assert np.array_equal(again.tracklets, seen[step].tracklets)
        assert np.array_equal(again.frames, seen[step].frames)


def test_an_epoch_of_single_frames_has_each_frame_once() -> None:
    stream = BatchStream(
        _stage(data="frames", clip=None, sampler=Sampler("shuffled", batch=13)), LENGTHS, LABELS, seed=0
    )
    assert stream.steps_per_epoch == 7  # 91 frames
    seen = [(int(t), int(f[0])) for s in range(7) for t, f in zip(*_pairs(stream, s), strict=True)]
    assert sorted(seen) == [(t, f) for t, n in enumerate(LENGTHS) for f in range(n)]
    second = [(int(t), int(f[0])) for s in range(7, 14) for t, f in zip(*_pairs(stream, s), strict=True)]
    assert sorted(second) == sorted(seen) and second != seen


def _pairs(stream: BatchStream, step: int) -> tuple[Any, Any]:
    picks = stream.picks(step)
    return picks.tracklets, picks.frames


def test_labels_belong_to_the_tracklets() -> None:
    stream = BatchStream(_stage(sampler=Sampler("identity", ids=2, tracklets=2)), LENGTHS, LABELS, seed=0)
    for step in range(6):
        picks = stream.picks(step)
        assert np.array_equal(picks.labels, LABELS[picks.tracklets])
        assert sorted(np.bincount(picks.labels, minlength=3).tolist()) == [0, 2, 2]


def test_lengths_in_every_unit() -> None:
    stream = BatchStream(_stage(), LENGTHS, LABELS, seed=0)  # 2 steps an epoch, 4 x 4 frames a step
    assert stream.steps(3, "epochs") == 6
    assert stream.steps(33, "frames") == 3
    assert stream.steps(5, "steps") == 5


def test_shuffled_time_keeps_the_frames_and_loses_their_order() -> None:
    stage = _stage(clip=Clip("consecutive", 16), sampler=Sampler("shuffled", batch=6))
    plain = BatchStream(stage, LENGTHS, LABELS, seed=1).picks(0)
    mixed = BatchStream(stage, LENGTHS, LABELS, seed=1, shuffle_time=True).picks(0)
    assert np.array_equal(np.sort(plain.frames, axis=1), np.sort(mixed.frames, axis=1))
    long = LENGTHS[plain.tracklets] >= 16
    assert (np.diff(plain.frames[long], axis=1) == 1).all()
    assert not (np.diff(mixed.frames[long], axis=1) == 1).all(axis=1).any()


def test_a_last_batch_of_one_is_dropped() -> None:
    """Batch normalisation cannot learn from one sample."""
    stream = BatchStream(_stage(sampler=Sampler("shuffled", batch=5)), LENGTHS, LABELS, seed=0)
    assert stream.steps_per_epoch == 1


@pytest.mark.parametrize("seed", [0, 1])
def test_seeds_differ(seed: int) -> None:
    one, other = (BatchStream(_stage(), LENGTHS, LABELS, seed=s).picks(0) for s in (seed, seed + 1))
    assert not (np.array_equal(one.tracklets, other.tracklets) and np.array_equal(one.frames, other.frames))


def test_a_stage_on_two_domains_sees_half_of_each_whatever_their_sizes() -> None:
    both = _stage(domain="both", data="frames", clip=None, sampler=Sampler("shuffled", batch=8))
    stream = BatchStream(
        both, LENGTHS, np.zeros(6, dtype=np.int64), seed=0, first=2
    )  # 23 frames of the source, 68 of the target
    assert stream.steps_per_epoch == 5
    seen = []
    for step in range(10):
        picks = stream.picks(step)
        assert (picks.tracklets[:4] < 2).all() and (picks.tracklets[4:] >= 2).all()
        assert (picks.frames[:, 0] < LENGTHS[picks.tracklets]).all()
        seen += list(zip(picks.tracklets[:4].tolist(), picks.frames[:4, 0].tolist(), strict=True))
    assert len(set(seen[:20])) == 20  # no frame of the source twice in an epoch


def test_the_enlarged_crop_happens_as_often_as_the_recipe_says() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (int(LENGTHS.sum()), 32, 16, 3), dtype=np.uint8)
    store = FrameStore(LENGTHS, (32, 16), frames=frames)
    stream = BatchStream(_stage(sampler=Sampler("shuffled", batch=6)), LENGTHS, LABELS, seed=0)
    touched = {0.0: 0, 0.5: 0, 1.0: 0}
    for step in range(20):
        picks = stream.picks(step)
        plain = np.stack([store.clip(int(t), f) for t, f in zip(picks.tracklets, picks.frames, strict=True)])
        for chance in touched:
            stage = _stage(augment=Augment(crop_scale=1.125, crop_chance=chance))
            changed = pixels(picks, store, stage, seed=0)
            touched[chance] += sum(not np.array_equal(a, b) for a, b in zip(plain, changed, strict=True))
    assert touched[0.0] == 0 and touched[1.0] == 120
    assert 40 < touched[0.5] < 80  # of 120; 3.6 deviations around one half
