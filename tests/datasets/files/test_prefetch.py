"""Work done ahead: in order, not too far, and its errors where its results would have come."""

import threading
import time

import pytest

from datasets.files.prefetch import ahead


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_results_come_in_order_whatever_takes_longest(threads: int) -> None:
    def slow(number: int) -> int:
        time.sleep(0.01 * (number % 3))
        return number * number

    assert list(ahead(slow, range(10), threads)) == [number * number for number in range(10)]
    assert list(ahead(slow, [], threads)) == []


def test_no_more_is_made_than_is_kept_ready() -> None:
    """Memory is bounded, however slow the network is."""
    begun: list[int] = []
    results = ahead(lambda number: begun.append(number) or number, range(100), 2)
    assert begun == []  # nothing before the first is asked for
    for most in (3, 4):
        next(results)
        ended = time.monotonic() + 600
        while len(begun) < most and time.monotonic() < ended:
            time.sleep(0.005)
        time.sleep(0.02)
        assert sorted(begun) == list(range(most))


def test_the_next_is_under_way_while_the_last_is_used() -> None:
    second = threading.Event()
    results = ahead(lambda number: second.set() if number == 1 else None, range(5), 1)
    next(results)
    assert second.wait(600)


@pytest.mark.parametrize("threads", [0, 1, 2])
def test_an_error_comes_where_the_result_would_have(threads: int) -> None:
    def failing(number: int) -> int:
        if number == 2:
            raise ValueError("the third")
        return number

    results = ahead(failing, range(6), threads)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="the third"):
        next(results)


def test_who_stops_asking_leaves_no_work_behind() -> None:
    done: list[int] = []

    def slow(number: int) -> None:
        time.sleep(0.02)
        done.append(number)

    results = ahead(slow, range(1000), 2)
    next(results)
    results.close()  # waits for what was under way
    seen = len(done)
    time.sleep(0.1)
    assert len(done) == seen <= 3
