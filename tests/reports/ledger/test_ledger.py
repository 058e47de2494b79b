"""Verdicts on cases that can be worked out by hand, and on an experiment whose effects are known."""

import csv
import dataclasses
import io
import json
from typing import Any

import numpy as np
import pytest

from reports.errors import ReportError
from reports.ledger import forest_plot
from reports.ledger.difference import published_margin
from reports.ledger.ledger import build_ledger
from reports.page import paper_page
from reports.store.job import Job
from tests.reports.ledger.constant_groups import CLAIM, answered, constant_group


def test_published_margin_prefers_the_same_data_set_and_else_the_smallest() -> None:
    rows = [{"dataset": "mars", "margin": 8.59}, {"dataset": "duke", "margin": 9.82}, {"dataset": "x", "margin": -1.0}]
    assert published_margin(rows, "duke") == 9.82
    assert published_margin(rows, "synthwalk") == 8.59
    assert published_margin([], "mars") is None


def test_a_constant_gain_is_reproduced_with_an_interval_of_no_width(job: Job) -> None:
    base = [10.0, 50.0, 90.0, 30.0]
    a = constant_group("a", [[value + 5 for value in base]] * 2, job, (0, 1))
    claim = answered(job, [a, constant_group("b", [base] * 2, job, (0, 1))])
    assert claim.gain == "reproduced"
    assert claim.difference.mean == pytest.approx(5.0)
    assert (claim.difference.low, claim.difference.high) == pytest.approx((5.0, 5.0))
    assert claim.difference.queries == claim.difference.identities == 4


def test_a_constant_loss_is_not_reproduced(job: Job) -> None:
    base = [10.0, 50.0, 90.0, 30.0]
    a = constant_group("a", [[value - 5 for value in base]] * 2, job, (0, 1))
    claim = answered(job, [a, constant_group("b", [base] * 2, job, (0, 1))])
    assert claim.gain == "not reproduced"
    assert "worse" in claim.words


def test_gains_that_cancel_cannot_be_told_and_small_ones_fall_short_of_a_large_claim(job: Job) -> None:
    base = [50.0] * 8
    swing = [50 + sign * 2.0 for sign in (1, -1) * 4]
    groups = [constant_group("a", [swing] * 2, job, (0, 1)), constant_group("b", [base] * 2, job, (0, 1))]
    assert answered(job, groups).gain == "undecided"
    assert answered(job, groups, published=[{"dataset": "mars", "margin": 1.0}]).gain == "undecided"
    # the upper end is near 2 points: below a quarter of a published gain of 40
    assert answered(job, groups, published=[{"dataset": "mars", "margin": 40.0}]).gain == "not reproduced"


def test_only_seeds_that_both_arms_have_are_paired(job: Job) -> None:
    a = constant_group("a", [[1.0, 1.0], [61.0, 61.0]], job, (0, 1))
    b = constant_group("b", [[60.0, 60.0], [0.0, 0.0]], job, (1, 2))
    claim = answered(job, [a, b])
    assert claim.difference.seeds == (1,)
    assert claim.difference.mean == pytest.approx(1.0)
    assert claim.difference.run_ids == ("a1", "b1")
    apart = answered(job, [constant_group("a", [[1.0, 2.0]], job, (0,)), constant_group("b", [[1.0, 2.0]], job, (5,))])
    assert apart.gain == "undecided"
    assert "common seed" in apart.words


def test_an_arm_that_was_not_run_is_named(job: Job) -> None:
    claim = answered(job, [constant_group("a", [[1.0, 2.0]], job, (0,))])
    assert claim.gain == "undecided"
    assert "b was not run" in claim.words


def test_ledger_of_the_recorded_experiment_finds_the_effects_that_were_put_in(job: Job) -> None:
    ledger = build_ledger(job)
    assert {claim.id: claim.gain for claim in ledger.claims} == {
        "gltr-beats-baseline": "reproduced",
        "dtp-beats-baseline": "reproduced",
        "gltr-beats-dtp": "undecided",
        "tsa-beats-baseline": "not reproduced",
    }
    first = ledger.claims[0]
    assert {one.name: one.answer for one in first.causes} == {"order": "supported", "capacity": "supported"}
    direct = np.mean([job.by_name["gltr"].values("mAP").mean() - job.by_name["baseline"].values("mAP").mean()])
    assert first.difference is not None
    assert first.difference.mean == pytest.approx(float(direct))
    assert "SynthWalk" in ledger.note


def test_ledger_as_json_and_csv_tell_the_same(job: Job) -> None:
    ledger = build_ledger(job)
    plain = json.loads(json.dumps(ledger.as_dict(), allow_nan=False))
    rows = list(csv.DictReader(io.StringIO(ledger.as_csv())))
    differences = [
        (claim["id"], role, one["against"], one["mean"], one["low"], one["high"])
        for claim in plain["claims"]
        for role, one in [("gain", claim["difference"]), *((c["name"], c["difference"]) for c in claim["causes"])]
        if one is not None
    ]
    measured = [row for row in rows if row["difference"]]
    assert len(measured) == len(differences) == 8
    open_ones = [(row["claim"], row["role"], row["answer"]) for row in rows if not row["difference"]]
    assert open_ones == [("tsa-beats-baseline", name, "not run") for name in ("order", "capacity")]
    assert all(row["gain"] == row["answer"] for row in measured if row["role"] == "gain")
    for row, (claim, role, against, mean, low, high) in zip(measured, differences, strict=True):
        assert (row["claim"], row["role"], row["against"]) == (claim, role, against)
        written = [float(row[key]) for key in ("difference", "low", "high")]
        assert written == pytest.approx([mean, low, high], abs=1e-4)


def test_claims_of_another_protocol_are_left_out(job: Job) -> None:
    card = job.card | {"claims": [*job.card["claims"], {**CLAIM, "protocol": "snippet-vs-full"}]}
    assert len(build_ledger(dataclasses.replace(job, card=card)).claims) == len(job.card["claims"])


SWING = [-1.0, 1.0] * 40  # around a mean, over 80 people: an interval of about a fifth of a point to each side


@pytest.mark.parametrize(
    ("shift", "within", "gain", "words"),
    [
        (0.0, 1.0, "reproduced", "within 1 point of zero, which count as equal"),
        (0.5, 1.0, "reproduced", "within 1 point"),
        (0.5, 0.5, "undecided", "reaches beyond 0.5 points"),
        (-0.9, 1.0, "undecided", "equal and not equal both fit"),
        (2.0, 1.0, "not reproduced", "it is better, not equal"),
        (-2.0, 1.5, "not reproduced", "it is worse, not equal"),
        (1.0, 0.05, "not reproduced", "0.05 points or more from zero"),
        (0.0, 0.05, "undecided", "both fit"),  # wider than the band on both sides
    ],
)
def test_equality_is_judged_by_where_the_whole_interval_lies(
    job: Job, shift: float, within: float, gain: str, words: str
) -> None:
    base = [50.0] * len(SWING)
    a = constant_group("a", [[50 + shift + one for one in SWING]] * 2, job, (0, 1))
    claim = answered(job, [a, constant_group("b", [base] * 2, job, (0, 1))], within=within)
    assert claim.difference.mean == pytest.approx(shift)
    assert 0.1 < claim.difference.mean - claim.difference.low < 0.3
    assert (claim.gain, claim.within, claim.causes, claim.headroom) == (gain, within, (), ())
    assert words in claim.words


def test_the_band_of_equality_has_open_ends(job: Job) -> None:
    base = [10.0, 50.0, 90.0, 30.0]
    groups = [
        constant_group("a", [[one + 1 for one in base]] * 2, job, (0, 1)),
        constant_group("b", [base] * 2, job, (0, 1)),
    ]
    assert answered(job, groups, within=1.0).gain == "not reproduced"  # a difference of exactly 1, no width
    assert answered(job, groups, within=1.001).gain == "reproduced"
    assert answered(job, groups).gain == "reproduced"  # without a band it is a claim that A is better


def test_the_forest_shows_the_band_on_the_common_scale_and_files_name_it(job: Job) -> None:
    base = [50.0] * len(SWING)
    groups = [
        constant_group("a", [[50 + one for one in SWING]] * 2, job, (0, 1)),
        constant_group("b", [base] * 2, job, (0, 1)),
    ]
    card = job.card | {"claims": [CLAIM | {"within": 3.0}, CLAIM | {"id": "d"}]}
    ledger = build_ledger(dataclasses.replace(job, groups=tuple(groups), card=card))
    low, high = forest_plot.scale(ledger, "points")
    assert low < -3.0 and high > 3.0
    equal, plain = (one.bars[0] for one in forest_plot.forests(ledger))
    assert plain.band is None
    assert equal.band is not None
    left, width = equal.band
    assert left + width / 2 == pytest.approx(equal.zero, abs=0.02)
    assert width == pytest.approx(100 * 6 / (high - low), abs=0.05)
    assert "within 3 counts as equal" in equal.spoken
    assert "lies within that on both sides of zero" in ledger.rule
    assert [row["within"] for row in csv.DictReader(io.StringIO(ledger.as_csv()))] == ["3.0000", ""]
    page = paper_page(dataclasses.replace(job, groups=tuple(groups), card=card), ledger)
    assert 'class="band"' in page and "a claim of equality" in page and "Shaded" in page


@pytest.mark.parametrize(("change", "what"), [({"temporal": True}, "about time"), ({"against": "centre"}, "looks")])
def test_equality_of_masks_or_about_time_is_refused(job: Job, change: dict[str, Any], what: str) -> None:
    with pytest.raises(ReportError, match=f"claim c is one of equality .* {what}"):
        answered(job, list(job.groups), within=1.0, **change)
