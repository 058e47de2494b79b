"""Gain, cause, headroom, power and Holm's correction on cases that can be worked out by hand."""

import csv
import dataclasses
import io
import json
from typing import Any

import numpy as np
import pytest

from protocols.statistics import Interval
from reports.compose import compose
from reports.ledger.claim import Claim
from reports.ledger.columns.gain import ONE_SEED
from reports.ledger.columns.power import NO_NUMBER, power_of
from reports.ledger.ledger import build_ledger
from reports.store.arm import Group
from reports.store.job import Job
from reports.terminal import claims as in_terminal
from runners.tracking.claims import claim_tags, parent_note
from tests.reports.ledger.constant_groups import CLAIM, answered, constant_group

BASE = [10.0, 50.0, 70.0, 30.0]
TWO = (0, 1)


def group(job: Job, name: str, gain: float, swing: float = 0.0, seeds: tuple[int, ...] = TWO, **record: Any) -> Group:
    """Every query gains as much, up to a swing that is on average nothing."""
    row = [value + gain + sign * swing for value, sign in zip(BASE * 20, (1, -1, 1, -1) * 20, strict=True)]
    return constant_group(name, [row] * len(seeds), job, seeds, **record)


def control(job: Job, of: str, name: str, gain: float, swing: float = 0.0, **record: Any) -> Group:
    return group(job, f"{of}-{name}", gain, swing, control=name, of=of, **{"arm": of} | record)


def cause(claim: Claim, name: str) -> Any:
    return {one.name: one for one in claim.causes}[name]


def test_a_gain_stays_though_shuffled_frames_gain_as_much(job: Job) -> None:
    arms = [group(job, "a", 5), group(job, "b", 0)]
    claim = answered(job, [*arms, control(job, "a", "shuffled", 6), control(job, "a", "mlp", 2)], temporal=True)
    assert claim.gain == "reproduced"
    assert cause(claim, "order").answer == "not supported"
    assert cause(claim, "order").difference.mean == pytest.approx(-1)
    assert cause(claim, "capacity").answer == "supported"
    assert "the gain is reproduced" in claim.words and "order is not supported" in claim.words
    alone = answered(job, arms)
    assert (alone.gain, alone.difference) == (claim.gain, claim.difference)
    assert alone.causes == ()


def test_causes_are_shown_of_claims_that_are_not_about_time_too(job: Job) -> None:
    controls = [control(job, "a", "shuffled", 1, 2), control(job, "a", "uniform", 3)]
    claim = answered(job, [group(job, "a", 1.2), group(job, "b", 0), *controls], temporal=False)
    assert {one.name: one.answer for one in claim.causes} == {"order": "undecided", "weights": "not supported"}


def test_a_claim_about_time_without_a_control_says_that_it_was_not_run(job: Job) -> None:
    claim = answered(job, [group(job, "a", 5), group(job, "b", 0)], temporal=True)
    assert claim.gain == "reproduced"
    assert {one.name: one.answer for one in claim.causes} == {"order": "not run", "capacity": "not run"}
    assert "--controls all" in claim.words


def test_an_arm_that_is_blind_to_order_is_not_asked_about_it(job: Job) -> None:
    blind = {"order_blind": True, "permutation_change": 3e-7}
    arms = [group(job, "a", 5, **blind), group(job, "b", 0)]
    with_control = answered(job, [*arms, control(job, "a", "shuffled", 5)], temporal=True)
    for claim in (with_control, answered(job, arms, temporal=True)):
        assert (claim.gain, cause(claim, "order").answer) == ("reproduced", "cannot apply")
        assert "3e-07" in cause(claim, "order").why
        assert "order cannot be a cause" in claim.words
    sees = [group(job, "a", 5, order_blind=False, permutation_change=0.2), group(job, "b", 0)]
    asked = answered(job, [*sees, control(job, "a", "shuffled", 5)], temporal=True)
    assert cause(asked, "order").answer == "not supported"


def test_a_record_of_before_that_scores_the_same_shuffled_says_so(job: Job) -> None:
    claim = answered(job, [group(job, "a", 5), group(job, "b", 0), control(job, "a", "shuffled", 5)], temporal=True)
    order = cause(claim, "order")
    assert (order.answer, order.why) == ("not supported", "the two score the same")
    assert order.why in claim.words


def test_one_seed_decides_nothing_and_its_numbers_are_shown(job: Job) -> None:
    one = (0,)
    groups = [
        group(job, "a", 5, 1, one), group(job, "b", 0, 0, one), control(job, "a", "mlp", 2, 1, seed=0),
        control(job, "b", "true-gait", 10, 1, seed=0),
    ]  # fmt: skip
    groups[2:] = [dataclasses.replace(late, runs=late.runs[:1]) for late in groups[2:]]
    margins = [{"dataset": "mars", "margin": 13.0}]
    claim = answered(job, groups, published=margins, mechanism=["motion"], temporal=True)
    assert (claim.gain, claim.gain_why, claim.gain_holm) == ("undecided", ONE_SEED, "undecided")
    assert (cause(claim, "capacity").answer, cause(claim, "capacity").why) == ("undecided", ONE_SEED)
    assert (claim.power.why, claim.power.seeds_for_margin) == (ONE_SEED, None)
    assert claim.difference is not None and claim.difference.low > 0
    assert claim.power.detectable is not None and claim.power.detectable > 0
    assert claim.words.count("run --seeds 3") == 1
    assert "+5.0 points" in claim.words and "+3.0 points" in claim.words


def headroom_of(job: Job, oracles: list[Group], **claim: Any) -> tuple[Any, ...]:
    return answered(job, [group(job, "a", 2), group(job, "b", 0), *oracles], **claim).headroom


MASKS = {"mask-pooling": 20, "masks-and-things": 10, "masks": 4}  # the first is no perfect version of masks


def test_headroom_is_what_the_opponent_gains_by_the_truth_and_the_arm_gets_a_share(job: Job) -> None:
    oracle = control(job, "b", "true-visibility", 8)
    (found,) = headroom_of(job, [oracle, control(job, "a", "true-visibility", 50)], mechanism=["frame-weights"])
    assert (found.mechanism, found.oracle, found.why) == ("frame-weights", "true-visibility", "")
    assert found.difference.mean == pytest.approx(8)
    assert found.share == pytest.approx(2 / 8)
    masks = [control(job, "b", f"true-{name}", gain) for name, gain in MASKS.items()]
    assert [(one.oracle, one.share) for one in headroom_of(job, masks, mechanism=["masks"])] == [
        ("true-masks", pytest.approx(0.5)), ("true-masks-and-things", pytest.approx(0.2)),
    ]  # fmt: skip


def test_headroom_that_may_be_nothing_has_no_share(job: Job) -> None:
    (found,) = headroom_of(job, [control(job, "b", "true-gait", 0.1, 3)], mechanism=["motion"])
    assert found.difference.low < 0 < found.difference.high
    assert found.share is None and "no share" in found.why


def test_headroom_without_an_oracle_says_why(job: Job) -> None:
    motion, weights = headroom_of(job, [], mechanism=["motion", "frame-weights"])
    assert (motion.oracle, motion.why) == ("true-gait", "not run")
    assert (weights.oracle, weights.difference) == ("true-visibility", None)
    filmed = {"dataset": job.any_result["dataset"] | {"synthetic": False}}
    arms = [group(job, "a", 2, **filmed), group(job, "b", 0, **filmed)]
    (found,) = answered(job, arms, mechanism=["motion"]).headroom
    assert found.why == "no truth on these data"
    assert answered(job, arms).headroom == ()  # the card names no mechanism


def test_the_headroom_of_repair_is_the_network_itself_on_unoccluded_twins(job: Job) -> None:
    def on(name: str, gain: float, train: str, test: str) -> Group:
        return group(job, name, gain, data={"train": train, "test": test, "base": "b"})

    groups = [on("a", 2, "stcnet", "stcnet"), on("b", 0, "raw", "raw"), on("both", 20, "oracle", "oracle")]
    (found,) = answered(job, groups, mechanism=["repair"]).headroom
    assert found.difference.mean == pytest.approx(20)  # its own weights were not scored
    (found,) = answered(job, [*groups, on("test", 8, "raw", "oracle")], mechanism=["repair"]).headroom
    assert (found.difference.mean, found.share) == (pytest.approx(8), pytest.approx(0.25))


def of_sides(found: Group, **gains: float) -> Group:
    """The group with as much more on each side than its headline has."""
    runs = []
    for run in found.runs:
        own = dict(run.per_query)
        for side, gain in gains.items():
            own |= {f"{side}/average_precision": own["average_precision"] + gain, f"{side}/valid": own["valid"]}
            own[f"{side}/first_hit"] = own["first_hit"]
        runs.append(dataclasses.replace(run, per_query=own))
    return dataclasses.replace(found, runs=tuple(runs))


def test_the_headroom_of_images_is_what_the_opponent_itself_gets_from_videos(job: Job) -> None:
    arm = of_sides(group(job, "a", 3), I2V=0, V2V=50)
    groups = [arm, of_sides(group(job, "b", 0), I2V=1, V2V=9)]
    claim = answered(job, groups, metric="I2V/mAP", mechanism=["video"])
    (found,) = claim.headroom
    assert claim.difference is not None and claim.difference.mean == pytest.approx(2)
    assert (found.oracle, found.difference.mean, found.share) == ("V2V", pytest.approx(8), pytest.approx(2 / 8))
    bare = [arm, of_sides(group(job, "b", 0), I2V=1)]
    (found,) = answered(job, bare, metric="I2V/mAP", mechanism=["video"]).headroom
    assert found.difference is None and found.why == "b recorded no result on the side V2V"


def test_claims_of_equality_ask_for_no_cause_and_no_headroom(job: Job) -> None:
    groups = [group(job, "a", 0.1, 1), group(job, "b", 0), control(job, "a", "shuffled", 5)]
    claim = answered(job, groups, within=2.0)
    assert (claim.gain, claim.causes, claim.headroom) == ("reproduced", (), ())
    assert claim.p_holm is not None and claim.p_holm < 0.05  # that they differ by less
    assert answered(job, groups, within=0.1).p_holm > 0.05


def interval(standard_error: float, people: float, seeds: float, mixed: float = 0.0) -> Interval:
    return Interval(
        0, -1, 1, standard_error, 1.0, seeds=3, clusters=101, between_people=people, between_seeds=seeds, mixed=mixed,
        freedom=2,
    )  # fmt: skip


def test_power_names_the_seeds_or_that_no_number_suffices() -> None:
    power = power_of(interval(1.0, 0.25, 0.75), 4.0)
    assert power.detectable is not None and power.detectable > 2.8
    assert isinstance(power.seeds_for_margin, int) and power.seeds_for_margin >= 2
    assert power.seeds_for_quarter == NO_NUMBER  # people alone hide 2.8 times 0.5 = 1.4 points
    assert power_of(interval(1.0, 0.0, 1.0), None).seeds_for_margin is None


def test_holm_takes_back_what_one_of_many_claims_reaches_by_itself(job: Job) -> None:
    rng = np.random.default_rng(5)
    noise = rng.normal(0, 1, 80)
    noise = (noise - noise.mean()) / noise.std(ddof=1)
    weak = 2.3 / np.sqrt(80)  # 2.3 standard errors: below 5 % by itself, not twenty times

    def arm(name: str, gain: float) -> Group:
        row = [value + gain + one for value, one in zip(BASE * 20, noise, strict=True)]
        return constant_group(name, [row] * 2, job, TWO)

    groups = [arm("a", weak), *(arm(f"x{place}", 0) for place in range(19)), arm("strong", 5), group(job, "b", 0)]
    claims = [
        CLAIM,
        *(CLAIM | {"id": f"x{n}", "arm": f"x{n}"} for n in range(19)),
        CLAIM | {"id": "s", "arm": "strong"},
    ]
    many = build_ledger(dataclasses.replace(job, groups=tuple(groups), card=job.card | {"claims": claims}))
    found = {claim.id: claim for claim in many.claims}
    alone = answered(job, groups)
    assert (alone.gain, alone.gain_holm) == ("reproduced", "reproduced")
    assert (found["c"].gain, found["c"].gain_holm) == ("reproduced", "undecided")
    assert alone.p_holm is not None and found["c"].p_holm is not None and found["s"].p_holm is not None
    assert alone.p_holm < 0.05 < found["c"].p_holm
    assert "Holm" in found["c"].words and "Holm" not in alone.words
    assert (found["s"].gain_holm, found["s"].p_holm < 0.05) == ("reproduced", True)


def test_every_output_tells_the_same_four_columns(job: Job) -> None:
    oracle = control(job, "b", "true-gait", 8)
    groups = (group(job, "a", 2, 1), group(job, "b", 0), control(job, "a", "shuffled", 0, 1), oracle)
    claims = [CLAIM | {"mechanism": ["motion"], "temporal": True, "published": [{"dataset": "mars", "margin": 13.0}]}]
    made = compose(dataclasses.replace(job, groups=groups, card=job.card | {"claims": claims}))
    plain = json.loads(made.files["ledger.json"])
    (claim,) = plain["claims"]
    assert claim["gain"] == made.facts["gains"]["c"] == "reproduced"
    assert "verdict" not in json.dumps(plain["claims"])
    rows = {row["role"]: row for row in csv.DictReader(io.StringIO(made.files["ledger.csv"]))}
    assert (rows["gain"]["answer"], rows["order"]["answer"], rows["capacity"]["answer"]) == (
        "reproduced", "supported", "not run",
    )  # fmt: skip
    assert float(rows["headroom"]["share"]) == pytest.approx(claim["headroom"][0]["share"], abs=1e-4)
    assert float(rows["gain"]["detectable"]) == pytest.approx(claim["power"]["detectable"], abs=1e-4)
    (line,) = csv.DictReader(io.StringIO(made.files["four_columns.csv"]))
    assert (line["difference_verdict"], line["order_verdict"], line["capacity"]) == (
        "reproduced",
        "supported",
        "not run",
    )
    assert float(line["share"]) == pytest.approx(100 * claim["headroom"][0]["share"])
    tags = claim_tags(plain)
    assert tags["gain/c"] == "reproduced" and tags["cause/c"] == "order supported, capacity not run"
    assert tags["headroom/c"].startswith("true gait +8.0") and tags["headroom/c"].endswith("share 25 %")
    assert tags["power/c"].startswith("finds ")
    page = made.files["index.html"]
    for text in ("true gait +8.0", "order supported, capacity not run", "Holm: reproduced", "of which it gets 25 %"):
        assert text in page
    said = "\n".join(in_terminal(plain))
    assert said.startswith("REPRODUCED      A beats B. Measured +2.0 points")


OLD = {
    "claims": [
        {"id": "c", "verdict": "does not hold", "text": "A beats B.", "words": "Measured nothing.", "difference": {}},
        {"id": "d", "verdict": "cannot tell", "text": "A beats C.", "words": "Not judged: c was not run.",
         "difference": None},
    ],
    "elsewhere": [], "note": "",
}  # fmt: skip


def test_a_ledger_of_before_is_still_read_with_its_verdicts() -> None:
    assert in_terminal(OLD)[0] == "DOES NOT HOLD   A beats B. Measured nothing."
    assert claim_tags(OLD) == {"gain/c": "does not hold"}
    assert "**does not hold**: A beats B." in parent_note({"title": "T"}, {}, OLD)
