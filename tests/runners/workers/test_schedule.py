"""Facts of the order in which tasks are given out, whatever they share."""

import itertools
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from runners.workers.schedule import Schedule, Task, seconds_left

NAMES = st.frozensets(st.sampled_from("abcdefg"), max_size=4)
TASKS = st.lists(NAMES, min_size=1, max_size=12).map(
    lambda all_needs: [Task(number, needs | {f"own {number}"}) for number, needs in enumerate(all_needs)]
)


@given(TASKS, st.integers(1, 4), st.randoms(use_true_random=False))
def test_all_run_once_and_no_two_at_a_time_make_the_same_thing(tasks: list[Task], workers: int, random: Random) -> None:
    schedule = Schedule(list(tasks))
    made: set[str] = set()
    started: list[object] = []
    while schedule.waiting or schedule.running:
        while len(schedule.running) < workers and (task := schedule.start()):
            started.append(task.key)
            for one, other in itertools.combinations(schedule.running, 2):
                assert not (one.needs & other.needs) - made, (one, other)
        assert schedule.running, "something waits for what nobody makes"
        ended = random.choice(schedule.running)
        schedule.end(ended)
        made |= ended.needs
    assert sorted(started) == [task.key for task in tasks]
    assert schedule.done == len(tasks)


@given(TASKS)
def test_one_worker_always_has_something_to_do(tasks: list[Task]) -> None:
    schedule = Schedule(list(tasks))
    for _ in tasks:
        task = schedule.start()
        assert task is not None and schedule.running == [task]
        schedule.end(task)
    assert schedule.start() is None


def _next(schedule: Schedule) -> object:
    task = schedule.start()
    return task.key if task else None


def _trunks() -> list[Task]:
    """Three trunks with four heads each, in the order of a job: seed by seed, after the colour row."""
    tasks = [Task("colour", frozenset({"colour"}), first=True)]
    for seed in "012":
        tasks += [Task(f"trunk {seed}", frozenset({f"trunk {seed}"}))]
        tasks += [Task(f"head {seed}{n}", frozenset({f"trunk {seed}", f"head {seed}{n}"})) for n in range(4)]
    return tasks


def test_trunks_go_before_heads_so_that_no_worker_is_idle_at_the_end() -> None:
    schedule = Schedule(_trunks())
    assert [_next(schedule), _next(schedule)] == ["colour", "trunk 0"]
    schedule.end(schedule.running[0])
    assert _next(schedule) == "trunk 1"
    schedule.end(schedule.running[0])  # of trunk 0: its heads can be trained, yet the last trunk comes first
    assert _next(schedule) == "trunk 2"
    schedule.end(schedule.running[0])
    assert _next(schedule) == "head 00"


def test_a_lone_trunk_leaves_other_workers_waiting_and_then_gives_them_all_its_heads() -> None:
    tasks = [task for task in _trunks() if str(task.key).endswith(("k 0", "00", "01", "02", "03"))]
    schedule = Schedule(tasks)
    assert [_next(schedule), _next(schedule)] == ["trunk 0", None]
    schedule.end(schedule.running[0])
    assert [_next(schedule) for _ in range(4)] == ["head 00", "head 01", "head 02", "head 03"]


def test_what_is_left_is_estimated_by_kind_and_not_before_most_kinds_are_known() -> None:
    tasks = [Task(n, frozenset({str(n)}), "trunk" if n < 2 else "head") for n in range(10)]
    schedule = Schedule(list(tasks))
    assert [_next(schedule), _next(schedule), _next(schedule)] == [0, 1, 2]
    schedule.end(tasks[0])
    schedule.end(tasks[1])
    assert seconds_left(schedule, {"trunk": [100.0, 120.0]}, 2) is None
    schedule.end(tasks[2])
    assert seconds_left(schedule, {"trunk": [100.0, 120.0], "head": [4.0]}, 2) == 7 * 4 / 2
    assert seconds_left(Schedule([tasks[0]]), {"trunk": [110.0]}, 2) == 110  # one task is not shared
