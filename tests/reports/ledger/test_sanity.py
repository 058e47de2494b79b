"""Can this run tell? Controls of known outcome, each with an injected fault."""

import dataclasses
from typing import Any

import pytest

from reports.ledger.ledger import build_ledger
from reports.ledger.sanity import SanityCheck, in_words, sanity_checks
from reports.page import paper_page
from reports.store.arm import Group
from reports.store.job import Job
from reports.terminal import claims as in_terminal
from runners.tracking.claims import parent_note
from tests.reports.ledger.constant_groups import constant_group

COUNTS = {"gallery_tracklets": 500, "junk_tracklets": 0, "distractor_tracklets": 0, "test_ids": 100}
BASE = [40.0, 60.0, 80.0, 20.0] * 20


def group(job: Job, name: str, values: list[float], seeds: tuple[int, ...] = (0, 1), **record: Any) -> Group:
    dataset = job.any_result["dataset"] | {"counts": COUNTS}
    return constant_group(name, [values] * len(seeds), job, seeds, **{"dataset": dataset} | record)


def checks(job: Job, *groups: Group) -> dict[str, SanityCheck]:
    return {one.name: one for one in sanity_checks(dataclasses.replace(job, groups=groups))}


def baseline(job: Job, **record: Any) -> Group:
    return group(job, "baseline", BASE, label="Baseline", **record)


def colour(job: Job, values: list[float]) -> Group:
    return group(job, "colour", values, (0,), control="colour", label="Stripe colours")


def oracle(
    job: Job, gain: float, swing: float = 0.0, seeds: tuple[int, ...] = (0, 1), control: str = "true-gait"
) -> Group:
    values = [value + gain + sign * swing for value, sign in zip(BASE, (1, -1) * 40, strict=True)]
    facts = {"arm": "baseline", "label": "Baseline", "control": control, "of": "baseline"}
    return group(job, f"baseline-{control}", values, seeds, **facts)


def dealt(job: Job, values: list[float]) -> Group:
    facts = {"arm": "baseline", "label": "Baseline", "control": "shuffled-labels", "of": "baseline"}
    return group(job, "baseline-shuffled-labels", values, **facts)


def test_all_controls_that_come_out_as_they_have_to_pass(job: Job) -> None:
    found = checks(job, baseline(job), colour(job, [10.0, 12.0] * 40), oracle(job, 15), dealt(job, [1.0, 2.0] * 40))
    assert {name: one.answer for name, one in found.items()} == {
        "Baseline, true gait": "passed", "Stripe colours": "passed", "Baseline, shuffled labels": "passed",
    }  # fmt: skip
    assert "All 3 controls" in in_words(tuple(found.values()))
    assert "a random order 2.1 %" in found["Baseline, shuffled labels"].words  # 5 of 500


def test_of_true_masks_on_the_last_map_nothing_is_expected(job: Job) -> None:
    pooling, masks = (oracle(job, -3, control=name) for name in ("true-mask-pooling", "true-masks"))
    found = checks(job, baseline(job), pooling, masks)
    assert "Baseline, true masks, last map" not in found
    assert found["Baseline, true masks"].answer == "failed"


@pytest.mark.parametrize(
    ("broken", "name"),
    [
        ({"oracle": (0.1, 5.0)}, "Baseline, true gait"),
        ({"oracle": (-3.0, 0.0)}, "Baseline, true gait"),
        ({"colour": [24.0, 27.0] * 40}, "Stripe colours"),
        ({"dealt": [9.0, 11.0] * 40}, "Baseline, shuffled labels"),
    ],
    ids=["undecided oracle", "oracle that loses", "colours near by", "labels that still tell"],
)
def test_a_control_that_fails_is_named_everywhere(job: Job, broken: dict[str, Any], name: str) -> None:
    groups = (
        baseline(job), colour(job, broken.get("colour", [10.0, 12.0] * 40)),
        oracle(job, *broken.get("oracle", (15.0, 0.0))), dealt(job, broken.get("dealt", [1.0, 2.0] * 40)),
    )  # fmt: skip
    worse = dataclasses.replace(job, groups=groups)
    ledger = build_ledger(worse)
    assert [one.name for one in ledger.checks if one.answer == "failed"] == [name]
    sentence = f"1 of 3 controls of known outcome failed: {name}; read every answer with that."
    assert sentence in in_words(ledger.checks)
    page = paper_page(worse, ledger)
    assert "Can this run tell?" in page and f"failed: {name};" in page
    assert f"failed: {name}" in " ".join(" ".join(in_terminal(ledger.as_dict())).split())
    assert f"- **control failed**: {name}." in parent_note(job.card, {}, ledger.as_dict())


def test_twins_that_were_not_occluded_are_an_oracle_too(job: Job) -> None:
    raw = baseline(job, data={"train": "raw", "test": "raw", "base": "baseline"})
    twin = group(job, "twin", [one + 6 for one in BASE], data={"train": "raw", "test": "oracle", "base": "baseline"})
    found = checks(job, raw, twin)
    assert found["Baseline, unoccluded twins"].answer == "passed"
    assert "+6.0 points of mAP" in found["Baseline, unoccluded twins"].words


def test_one_seed_says_nothing_of_an_oracle(job: Job) -> None:
    found = checks(job, baseline(job), oracle(job, 15, seeds=(0,)))["Baseline, true gait"]
    assert found.answer == "undecided" and "run --seeds 3" in found.words


def test_what_was_not_run_is_said(job: Job) -> None:
    found = checks(job, baseline(job))
    assert {one.answer for one in found.values()} == {"not run"}
    assert "--controls all" in found["Oracles"].words
    assert in_words(tuple(found.values())) == (
        "Nothing shows yet that this run can tell a gain from none. Not run: Oracles, Stripe colours, Shuffled labels."
    )
    filmed = group(job, "baseline", BASE, dataset=job.any_result["dataset"] | {"synthetic": False})
    assert "no truth on these data" in checks(job, filmed)["Oracles"].words


def test_chance_is_not_guessed_where_the_gallery_is_not_counted(job: Job) -> None:
    plain = constant_group(
        "baseline-shuffled-labels", [[1.0] * 80] * 2, job, (0, 1), arm="baseline", label="Baseline",
        control="shuffled-labels", of="baseline",
    )  # fmt: skip
    found = sanity_checks(dataclasses.replace(job, groups=(plain,)))[-1]
    assert found.answer == "undecided" and "chance is not known" in found.words
