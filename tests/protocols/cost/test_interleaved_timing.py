"""Times in turns on a made-up machine: what load does to milliseconds and ratios, and what is called settled."""

import numpy as np
import pytest

from protocols.cost.interleaved_timing import ENOUGH, FEWEST, MOST, MOST_WARM_UP, Turns, in_turns, settled
from tests.protocols.cost.machine import Machine, still

ARM, TRUNK = 0.035, 0.030


def measured(machine: Machine, seconds: float = 4.0, arm: float = ARM, trunk: float = TRUNK) -> Turns:
    return in_turns(machine.call("arm", arm), machine.call("trunk", trunk), machine.watch, seconds, clock=machine.clock)


def test_a_quiet_machine_settles_after_half_of_the_time_and_warm_up_is_not_counted() -> None:
    machine = Machine()
    found = measured(machine)
    assert found.settled and found.ms_settled
    assert found.ratio == pytest.approx(ARM / TRUNK)
    assert (found.p50, found.reference_p50) == (pytest.approx(35), pytest.approx(30))
    assert len(machine.calls) == 2 * (found.warm_up + len(found.samples))
    assert 1.0 <= found.warm_up * (ARM + TRUNK) < 1.1  # a quarter of the time
    assert 2.0 <= machine.now < 2.1  # half of it in any case
    assert len(measured(Machine(), seconds=0.4).samples) == ENOUGH  # 0.13 s warm up, and five pairs


def test_turns_alternate_so_that_neither_side_always_comes_second() -> None:
    machine = Machine()
    in_turns(
        machine.call("arm", 1), machine.call("trunk", 1), machine.watch, 0.0, fewest=4, warm_up_share=0,
        clock=machine.clock,
    )  # fmt: skip
    assert machine.calls[2:] == ["arm", "trunk", "trunk", "arm", "arm", "trunk", "trunk", "arm"]


def test_a_load_that_is_there_all_the_time_leaves_the_ratio_alone() -> None:
    quiet, busy = measured(Machine()), measured(Machine(lambda now: 70.0))
    assert busy.ratio == pytest.approx(quiet.ratio)
    assert busy.p50 == pytest.approx(70 * quiet.p50)
    assert busy.reference_p50 == pytest.approx(70 * quiet.reference_p50)  # by which a report sees it


@pytest.mark.parametrize(("start", "end"), [(1.2, 9.0), (0.0, 3.0), (2.0, 2.6), (1.0, 1.3)])
def test_milliseconds_of_a_machine_that_was_busy_for_a_part_are_never_seventy_times_too_large_without_a_mark(
    start: float, end: float
) -> None:
    """Seventy times slower from one second to another: what is called settled is right."""
    found = measured(Machine(lambda now: 70.0 if start <= now < end else 1.0))
    assert not found.ms_settled or found.p50 == pytest.approx(35)
    assert not found.settled or found.ratio == pytest.approx(ARM / TRUNK, rel=0.1)


def test_with_a_load_that_comes_and_goes_it_goes_on_until_the_time_ends_and_says_that_nothing_settled() -> None:
    rng = np.random.default_rng(0)
    found = measured(Machine(lambda now: float(rng.choice([1.0, 5.0]))), seconds=20.0)
    assert not found.settled
    assert not found.ms_settled
    assert len(found.samples) > ENOUGH
    low, high = found.quartiles
    assert low < 0.9 * found.ratio or high > 1.1 * found.ratio


def test_a_load_that_ends_is_outlived_where_there_is_time() -> None:
    def pace(now: float) -> float:
        return 1.0 + 30.0 * (now < 3.0) * (now * 97 % 1 > 0.5)

    found = measured(Machine(pace), seconds=20.0)
    assert found.settled and found.ms_settled
    assert found.p50 == pytest.approx(35)


def test_slow_networks_get_three_pairs_whatever_the_time_and_are_not_called_settled() -> None:
    machine = Machine()
    found = measured(machine, seconds=1.0, arm=30.0, trunk=20.0)
    assert (len(found.samples), found.warm_up) == (FEWEST, 1)
    assert machine.now == pytest.approx((1 + FEWEST) * 50)
    assert found.ratio == pytest.approx(1.5)
    assert not found.settled  # three equal pairs may be chance


def test_there_is_an_end_without_a_clock_too() -> None:
    rng = np.random.default_rng(1)
    found = in_turns(lambda: None, lambda: None, lambda call: float(rng.uniform(1, 9)), 1.0, clock=still)
    assert (len(found.samples), found.warm_up) == (MOST, MOST_WARM_UP)


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ((10, 10, 10, 10, 10), True),
        ((9.0, 9.0, 10.0, 11.0, 11.0), True),  # quartiles 9 and 11: just within a tenth
        ((8.9, 8.9, 10.0, 11.0, 11.0), False),
        ((9.0, 9.0, 10.0, 11.1, 11.1), False),
        ((1.0, 10.0, 10.0, 10.0, 99.0), True),  # outliers are not quartiles
        ((10, 10, 10, 10), False),  # too few
    ],
)
def test_what_is_settled(values: tuple[float, ...], wanted: bool) -> None:
    assert settled(values) is wanted


def test_the_record_holds_all_that_the_figures_rest_on() -> None:
    one = Turns((30.0, 36.0, 33.0), 2, (20.0, 20.0, 30.0))
    assert one.as_dict() == {
        "ratio": 1.5, "ratio_quartiles": [pytest.approx(1.3), pytest.approx(1.65)], "settled": False,
        "ms_settled": False, "reference_ms_p50": 20.0, "reference_samples_ms": [20.0, 20.0, 30.0],
    }  # fmt: skip
