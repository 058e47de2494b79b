"""Verdicts on cases that can be worked out by hand, and on an experiment whose effects are known."""

import csv
import dataclasses
import io
import json
from typing import Any

import numpy as np
import pytest

from protocols.vocabulary import Verdict
from reports.errors import ReportError
from reports.ledger import forest_plot
from reports.ledger.difference import Difference
from reports.ledger.ledger import build_ledger, decide, judge_claim, published_margin
from reports.page import paper_page
from reports.store.arm import ArmRun, Group
from reports.store.job import Job


def difference(verdict: Verdict, control: str | None = None) -> Difference:
    return Difference("b", "B", control, 1.0, 0.5, 1.5, 0.01, (0,), 10, 5, verdict, ("r",))


@pytest.mark.parametrize(
    ("own", "controls", "temporal", "expected"),
    [
        ("holds", [], False, "holds"),
        ("cannot tell", [], False, "cannot tell"),
        ("does not hold", ["holds"], False, "does not hold"),
        ("holds", [], True, "cannot tell"),  # nothing shows that time made the difference
        ("holds", ["holds", "holds"], True, "holds"),
        ("holds", ["holds", "does not hold"], True, "does not hold"),  # a network without time gains as much
        ("holds", ["holds", "cannot tell"], True, "cannot tell"),
        ("cannot tell", ["holds"], True, "cannot tell"),
        ("does not hold", ["holds"], True, "does not hold"),
        ("holds", ["does not hold", "cannot tell"], True, "does not hold"),
    ],
)
def test_a_claim_about_time_must_beat_every_control(
    own: Verdict, controls: list[Verdict], temporal: bool, expected: Verdict
) -> None:
    assert decide(difference(own), [difference(one, "mlp") for one in controls], temporal) == expected


def test_without_a_measurement_nothing_can_be_told() -> None:
    assert decide(None, [], False) == "cannot tell"


def test_published_margin_prefers_the_same_data_set_and_else_the_smallest() -> None:
    rows = [{"dataset": "mars", "margin": 8.59}, {"dataset": "duke", "margin": 9.82}, {"dataset": "x", "margin": -1.0}]
    assert published_margin(rows, "duke") == 9.82
    assert published_margin(rows, "synthwalk") == 8.59
    assert published_margin([], "mars") is None


def constant_group(name: str, values: list[list[float]], job: Job, seeds: tuple[int, ...], **record: Any) -> Group:
    """A group whose per-query average precisions are given: one row for each seed."""
    template = job.groups[0].runs[0]
    queries = len(values[0])
    runs = []
    for seed, row in zip(seeds, values, strict=True):
        per_query = {key: array[:queries] for key, array in template.per_query.items() if key != "cmc"}
        per_query |= {"average_precision": np.array(row), "valid": np.ones(queries, bool)}
        per_query |= {"first_hit": np.ones(queries, int), "person": np.arange(queries)}
        result = template.result | {"arm": name, "label": name, "control": None, "of": None, "seed": seed} | record
        runs.append(ArmRun(f"{name}{seed}", result, per_query, {}))
    return Group(name, tuple(runs))


CLAIM = {"id": "c", "text": "A beats B.", "arm": "a", "against": "b", "metric": "mAP", "temporal": False}


def judged(job: Job, groups: list[Group], **claim: Any) -> Any:
    return judge_claim(dataclasses.replace(job, groups=tuple(groups)), CLAIM | claim)


def test_a_constant_gain_holds_with_an_interval_of_no_width(job: Job) -> None:
    base = [10.0, 50.0, 90.0, 30.0]
    a = constant_group("a", [[value + 5 for value in base]], job, (0,))
    claim = judged(job, [a, constant_group("b", [base], job, (0,))])
    assert claim.verdict == "holds"
    assert claim.difference.mean == pytest.approx(5.0)
    assert (claim.difference.low, claim.difference.high) == pytest.approx((5.0, 5.0))
    assert claim.difference.queries == claim.difference.identities == 4


def test_a_constant_loss_does_not_hold(job: Job) -> None:
    base = [10.0, 50.0, 90.0, 30.0]
    a = constant_group("a", [[value - 5 for value in base]], job, (0,))
    claim = judged(job, [a, constant_group("b", [base], job, (0,))])
    assert claim.verdict == "does not hold"
    assert "worse" in claim.words


def test_gains_that_cancel_cannot_be_told_and_small_ones_fall_short_of_a_large_claim(job: Job) -> None:
    base = [50.0] * 8
    swing = [50 + sign * 2.0 for sign in (1, -1) * 4]
    groups = [constant_group("a", [swing], job, (0,)), constant_group("b", [base], job, (0,))]
    assert judged(job, groups).verdict == "cannot tell"
    assert judged(job, groups, published=[{"dataset": "mars", "margin": 1.0}]).verdict == "cannot tell"
    # the upper end is near 2 points: below a quarter of a published gain of 40
    assert judged(job, groups, published=[{"dataset": "mars", "margin": 40.0}]).verdict == "does not hold"


def test_only_seeds_that_both_arms_have_are_paired(job: Job) -> None:
    a = constant_group("a", [[1.0, 1.0], [61.0, 61.0]], job, (0, 1))
    b = constant_group("b", [[60.0, 60.0], [0.0, 0.0]], job, (1, 2))
    claim = judged(job, [a, b])
    assert claim.difference.seeds == (1,)
    assert claim.difference.mean == pytest.approx(1.0)
    assert claim.difference.run_ids == ("a1", "b1")
    apart = judged(job, [constant_group("a", [[1.0, 2.0]], job, (0,)), constant_group("b", [[1.0, 2.0]], job, (5,))])
    assert apart.verdict == "cannot tell"
    assert "common seed" in apart.words


def test_an_arm_that_was_not_run_is_named(job: Job) -> None:
    claim = judged(job, [constant_group("a", [[1.0, 2.0]], job, (0,))])
    assert claim.verdict == "cannot tell"
    assert "b was not run" in claim.words


def test_a_control_as_good_as_the_arm_defeats_a_claim_about_time(job: Job) -> None:
    base, better = [10.0, 50.0, 90.0, 30.0], [20.0, 60.0, 95.0, 40.0]
    groups = [constant_group(name, [row], job, (0,)) for name, row in (("a", better), ("b", base))]
    mlp = constant_group("a-mlp", [better], job, (0,), control="mlp", of="a")
    claim = judged(job, [*groups, mlp], temporal=True)
    assert claim.difference.verdict == "holds"
    assert claim.verdict == "does not hold"
    assert "per-frame MLP" in claim.words


def test_ledger_of_the_recorded_experiment_finds_the_effects_that_were_put_in(job: Job) -> None:
    ledger = build_ledger(job)
    assert {claim.id: claim.verdict for claim in ledger.claims} == {
        "gltr-beats-baseline": "holds",
        "dtp-beats-baseline": "holds",
        "gltr-beats-dtp": "cannot tell",
        "tsa-beats-baseline": "does not hold",
    }
    first = ledger.claims[0]
    assert {one.control for one in first.controls} == {"shuffled", "mlp"}
    direct = np.mean([job.by_name["gltr"].values("mAP").mean() - job.by_name["baseline"].values("mAP").mean()])
    assert first.difference is not None
    assert first.difference.mean == pytest.approx(float(direct))
    assert "SynthWalk" in ledger.note


def test_ledger_as_json_and_csv_tell_the_same(job: Job) -> None:
    ledger = build_ledger(job)
    plain = json.loads(json.dumps(ledger.as_dict(), allow_nan=False))
    rows = list(csv.DictReader(io.StringIO(ledger.as_csv())))
    differences = [
        (claim["id"], one["against"], one["mean"], one["low"], one["high"])
        for claim in plain["claims"]
        for one in (claim["difference"], *claim["controls"])
    ]
    assert len(rows) == len(differences) == 6
    for row, (claim, against, mean, low, high) in zip(rows, differences, strict=True):
        assert (row["claim"], row["against"]) == (claim, against)
        written = [float(row[key]) for key in ("difference", "low", "high")]
        assert written == pytest.approx([mean, low, high], abs=1e-4)


def test_claims_of_another_protocol_are_left_out(job: Job) -> None:
    card = job.card | {"claims": [*job.card["claims"], {**CLAIM, "protocol": "snippet-vs-full"}]}
    assert len(build_ledger(dataclasses.replace(job, card=card)).claims) == len(job.card["claims"])


SWING = [-1.0, 1.0] * 40  # around a mean, over 80 people: an interval of about a fifth of a point to each side


@pytest.mark.parametrize(
    ("shift", "within", "verdict", "words"),
    [
        (0.0, 1.0, "holds", "within 1 point of zero, which count as equal"),
        (0.5, 1.0, "holds", "within 1 point"),
        (0.5, 0.5, "cannot tell", "reaches beyond 0.5 points"),
        (-0.9, 1.0, "cannot tell", "equal and not equal both fit"),
        (2.0, 1.0, "does not hold", "it is better, not equal"),
        (-2.0, 1.5, "does not hold", "it is worse, not equal"),
        (1.0, 0.05, "does not hold", "0.05 points or more from zero"),
        (0.0, 0.05, "cannot tell", "both fit"),  # wider than the band on both sides
    ],
)
def test_equality_is_judged_by_where_the_whole_interval_lies(
    job: Job, shift: float, within: float, verdict: str, words: str
) -> None:
    base = [50.0] * len(SWING)
    a = constant_group("a", [[50 + shift + one for one in SWING]], job, (0,))
    claim = judged(job, [a, constant_group("b", [base], job, (0,))], within=within)
    assert claim.difference.mean == pytest.approx(shift)
    assert 0.1 < claim.difference.mean - claim.difference.low < 0.3
    assert (claim.verdict, claim.difference.verdict, claim.within) == (verdict, verdict, within)
    assert words in claim.words


def test_the_band_of_equality_has_open_ends(job: Job) -> None:
    base = [10.0, 50.0, 90.0, 30.0]
    groups = [constant_group("a", [[one + 1 for one in base]], job, (0,)), constant_group("b", [base], job, (0,))]
    assert judged(job, groups, within=1.0).verdict == "does not hold"  # a difference of exactly 1, no width
    assert judged(job, groups, within=1.001).verdict == "holds"
    assert judged(job, groups).verdict == "holds"  # without a band it is a claim that A is better


def test_the_forest_shows_the_band_on_the_common_scale_and_files_name_it(job: Job) -> None:
    base = [50.0] * len(SWING)
    groups = [constant_group("a", [[50 + one for one in SWING]], job, (0,)), constant_group("b", [base], job, (0,))]
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
        judged(job, list(job.groups), within=1.0, **change)
