"""What repaired data do to accuracy: 2x2 worked by hand, slices by what is hidden, and what the oracle lets one say."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from reports.errors import ReportError
from reports.ledger.ledger import build_ledger
from reports.records.per_query import check_per_query
from reports.records.result_checks import check_result
from reports.render.table import Estimate
from reports.sections.repair import effect
from reports.store import repairer_names
from reports.store.arm import ArmRun, Group
from reports.store.job import Job
from reports.store.read_job import _position
from tests.reports import fake_vrstc

PEOPLE = 12  # two queries of each


def arm(job: Job, name: str, values: list[list[float]], train: str, test: str, **arrays: Any) -> Group:
    """An arm of base ``n`` whose average precisions are given, one row for each seed; its first hits are all right."""
    runs = []
    for seed, row in enumerate(values):
        queries = len(row)
        result = job.groups[0].first | {"arm": name, "label": name.upper(), "control": None, "of": None, "seed": seed}
        result |= {"data": {"train": train, "test": test, "base": "n"}, "hidden_by": "truth"}
        per_query: dict[str, Any] = {
            "person": np.arange(queries) // 2, "key": np.arange(queries).astype(str), "valid": np.ones(queries, bool),
            "average_precision": np.array(row), "first_hit": np.ones(queries, int),
        } | arrays  # fmt: skip
        runs.append(ArmRun(f"{name}{seed}", result, per_query, {}))
    return Group(name, tuple(runs))


def of(job: Job, *groups: Group) -> Job:
    return dataclasses.replace(job, groups=groups, card=job.card | {"arms": {}, "claims": []})


def flat(value: float) -> list[float]:
    return [value] * (2 * PEOPLE)


def worked(job: Job) -> Job:
    """Two seeds each; constants, so that every interval of a difference has no width."""
    return of(
        job,
        arm(job, "raw", [flat(50), flat(52)], "raw", "raw"),
        arm(job, "test", [flat(53), flat(55)], "raw", "oracle"),
        arm(job, "both", [flat(60), flat(62)], "oracle", "oracle"),
        arm(job, "half", [flat(54), flat(56), flat(99)], "median", "median"),  # its third seed has no partner
        arm(job, "harm", [flat(48), flat(50)], "blur", "raw"),
    )


def test_the_two_by_two_is_what_was_worked_by_hand(vrstc_job: Job) -> None:
    oracle, median, blur = effect.squares(worked(vrstc_job))
    assert [(one.base, one.repairer) for one in (oracle, median, blur)] == [
        ("n", "oracle"), ("n", "median"), ("n", "blur"),
    ]  # fmt: skip
    gains = {where: oracle.gain(where) for where in effect.PLACES}
    assert gains[False, False] is None and gains[True, False] is None
    test, both = gains[False, True], gains[True, True]
    assert test is not None and both is not None
    assert (test.mean, test.low, test.high, test.verdict) == pytest.approx((3, 3, 3, "holds"))
    assert (both.mean, both.seeds) == (pytest.approx(10), (0, 1))
    half = median.gain((True, True))
    assert half is not None
    assert (half.mean, half.seeds) == (pytest.approx(4), (0, 1))  # over the seeds that both have
    assert blur.gain((True, False)) is not None
    assert oracle.words == (
        "Repairing the test data alone gains 3.0 points of mAP (+3.0 to +3.0).",
        "Training on repaired data as well gains 7.0 points of mAP (+7.0 to +7.0).",
    )
    assert len(median.words) == 1 and "trained on raw and tested on repaired data was not run" in median.words[0]


def test_the_table_says_what_was_not_run_and_has_raw_on_raw_once(vrstc_job: Job) -> None:
    job = worked(vrstc_job)
    table = effect.table(job, "n", effect.squares(job))
    assert len(table.rows) == 1 + 3 * 3
    found = list(zip(*(table.column(key) for key in ("repairer", "trained_on", "tested_on", "arm")), strict=True))
    assert found[0] == ("", "raw", "raw", "RAW")
    assert ("Oracle", "Oracle", "raw", "not run") in found
    assert [row.cells.count(None) for row in table.rows if row.cells[3] == "not run"] == [4] * 5
    cell = table.column("delta_mAP")[found.index(("median", "median", "median", "HALF"))]
    assert cell == Estimate(*[pytest.approx(4.0)] * 3, "holds")


def test_the_oracle_says_how_much_there_is_to_win_and_who_gets_which_share(vrstc_job: Job) -> None:
    job = worked(vrstc_job)
    first, second = effect.what_can_be_shown(job, effect.squares(job))
    assert "There are 10.0 points of mAP (+10.0 to +10.0) to win when training and test data are repaired" in first
    assert first.endswith("Of that, median gets 40 %.")
    assert "There are 3.0 points of mAP" in second and "Of that" not in second  # nobody else was only tested


@pytest.mark.parametrize(
    ("after", "phrase"),
    [(50.0, "changes by +0.0 points of mAP (+0.0 to +0.0)"), (47.5, "changes by −2.5 points of mAP (−2.5 to −2.5)")],
)
def test_without_a_gain_of_the_oracle_the_data_set_cannot_show_anything(
    vrstc_job: Job, after: float, phrase: str
) -> None:
    job = of(
        vrstc_job,
        arm(vrstc_job, "raw", [flat(50)], "raw", "raw"),
        arm(vrstc_job, "o", [flat(after)], "oracle", "oracle"),
        arm(vrstc_job, "m", [flat(60)], "median", "median"),
    )
    (sentence,) = effect.what_can_be_shown(job, effect.squares(job))
    assert sentence.startswith("This data set cannot show the effect of repair under these networks")
    assert phrase in sentence and "median" not in sentence  # a share of nothing is no number


def test_an_oracle_whose_interval_reaches_zero_shows_nothing(vrstc_job: Job) -> None:
    swing = [50 + sign * 5.0 + 0.3 for sign in (1, -1) * PEOPLE]
    job = of(
        vrstc_job,
        arm(vrstc_job, "raw", [[50.0, 50.0, 50.0, 50.0] * 6], "raw", "raw"),
        arm(vrstc_job, "o", [sorted(swing)], "raw", "oracle"),
    )
    (square,) = effect.squares(job)
    gain = square.gain((False, True))
    assert gain is not None and gain.mean == pytest.approx(0.3) and gain.low < 0 < gain.high
    assert "cannot show the effect" in effect.what_can_be_shown(job, (square,))[0]
    assert "no difference that can be told: +0.3 points" in square.words[0]
    assert square.words[1] == "What training on repaired data adds was not run."


def test_without_an_oracle_the_page_says_why_nothing_is_known_of_what_there_is_to_win(vrstc_job: Job) -> None:
    groups = [group for group in worked(vrstc_job).groups if "oracle" not in (group.data.train, group.data.test)]
    job = of(vrstc_job, *groups)
    (sentence,) = effect.what_can_be_shown(job, effect.squares(job))
    assert "oracle, which knows the true pixels, was not run" in sentence
    filmed = [
        dataclasses.replace(group, runs=tuple(
            dataclasses.replace(run, result=run.result | {"dataset": run.result["dataset"] | {"synthetic": False}})
            for run in group.runs))
        for group in groups
    ]  # fmt: skip
    (sentence,) = effect.what_can_be_shown(of(vrstc_job, *filmed), effect.squares(job))
    assert "filmed" in sentence


def test_raw_on_raw_that_was_not_run_leaves_no_difference(vrstc_job: Job) -> None:
    job = of(vrstc_job, arm(vrstc_job, "both", [flat(60)], "oracle", "oracle"))
    (square,) = effect.squares(job)
    assert square.gain((True, True)) is None
    assert "Trained and tested on raw data: not run" in square.words[0]
    assert "was not run" in effect.what_can_be_shown(job, (square,))[0]


HIDDEN = [0.0] * 10 + [0.1] * 4 + [0.2] * 4 + [0.9] * 6
"""Of the queries in order, two a person: five people, two, two and three."""


def test_slices_count_queries_and_people_and_hold_their_upper_edge(vrstc_job: Job) -> None:
    group = arm(vrstc_job, "raw", [flat(50)], "raw", "raw", hidden=np.array(HIDDEN))
    found = effect.slices(group)
    assert [(one.name, one.queries, one.people) for one in found] == [
        ("nothing hidden", 10, 5), ("up to 10 % hidden", 4, 2), ("10 to 30 % hidden", 4, 2), ("over 30 % hidden", 6, 3),
    ]  # fmt: skip
    assert all(one.few for one in found)
    assert effect.slices(arm(vrstc_job, "raw", [flat(50)], "raw", "raw")) == ()


def test_a_gain_where_much_is_hidden_stays_in_its_slice(vrstc_job: Job) -> None:
    hidden = np.repeat([0.0, 0.5], [22, 20])  # eleven people, ten people
    raw = [50.0] * 42
    better = [50.0] * 22 + [58.0] * 20
    job = of(
        vrstc_job,
        arm(vrstc_job, "raw", [raw], "raw", "raw", hidden=hidden),
        arm(vrstc_job, "o", [better], "oracle", "oracle", hidden=hidden),
    )
    table = effect.by_hidden_share(job, "n")
    assert table is not None
    assert table.column("mAP_0") == (Estimate(50, 50, 50), Estimate(50, 50, 50))
    assert table.column("delta_mAP_0") == (None, Estimate(0, 0, 0, "does not hold"))
    assert table.column("delta_mAP_3") == (None, Estimate(8, 8, 8, "holds"))
    assert table.column("mAP_1") == (None, None)  # no query there
    assert (table.column("queries_3"), table.column("people_3")) == ((20, 20), (10, 10))
    names, lines = effect.lines(job, "n", "mAP")
    assert names == ("nothing\nhidden\n22 queries", "over 30 %\nhidden\n20 queries")
    assert [(label, [cell.mean for cell in cells if isinstance(cell, Estimate)]) for label, cells in lines] == [
        ("RAW", [50, 50]), ("O", [50, 58]),
    ]  # fmt: skip


def test_a_slice_of_few_people_has_neither_interval_nor_verdict_and_says_so(vrstc_job: Job) -> None:
    table = effect.by_hidden_share(vrstc_job, "nl")
    assert table is not None
    heads = {column.key: column.group for column in table.columns}
    assert heads["mAP_3"] == "over 30 % hidden (8 queries, 8 people: too few to tell)"
    assert "too few" not in heads["mAP_2"]
    assert all(isinstance(cell, float) for cell in table.column("mAP_3"))
    assert set(table.column("delta_mAP_3")) == {None}
    oracle = table.column("arm").index("Non-local on the truth")
    gains = [table.column(f"delta_mAP_{place}")[oracle] for place in range(3)]
    assert all(isinstance(gain, Estimate) for gain in gains)
    nothing, some, much = (gain for gain in gains if isinstance(gain, Estimate))
    assert nothing.verdict == "cannot tell" and much.verdict == "holds"
    assert nothing.mean < some.mean < much.mean


def test_the_effects_that_were_put_in_are_found(vrstc_job: Job) -> None:
    found = {(one.base, one.repairer): one for one in effect.squares(vrstc_job)}
    assert [base for base in repairer_names.bases(vrstc_job)] == ["nl", "baseline"]  # the headline's network first
    both = {name: found["nl", name].gain((True, True)) for name in ("oracle", "stcnet-gen", "blur")}
    verdicts = {name: gain.verdict for name, gain in both.items() if gain}
    assert verdicts == {"oracle": "holds", "stcnet-gen": "holds", "blur": "does not hold"}
    assert both["oracle"] and both["stcnet-gen"]
    assert 0.4 < both["stcnet-gen"].mean / both["oracle"].mean < 0.65
    first, _ = effect.what_can_be_shown(vrstc_job, tuple(found.values()))
    share = 100 * both["stcnet-gen"].mean / both["oracle"].mean
    assert f"STCnet gets {share:.0f} %" in first and "Blur loses" in first
    claims = {claim.id: claim.gain for claim in build_ledger(vrstc_job).claims}
    assert claims["repair-helps"] == "reproduced" and claims["encoder-adds-nothing"] == "reproduced"
    assert claims["spa-is-enough"] == "not reproduced"


def test_labels_come_from_the_run_the_suite_or_the_card_and_keep_options(vrstc_job: Job) -> None:
    assert repairer_names.label(vrstc_job, "stcnet-gen") == "STCnet"
    assert repairer_names.label(vrstc_job, fake_vrstc.DROP) == "Drop [tau=0.91]"
    assert repairer_names.label(vrstc_job, "inpaint[tau=0.9]") == "Inpainting [tau=0.9]"
    assert repairer_names.label(vrstc_job, "raw") == "raw"
    bare = dataclasses.replace(vrstc_job, groups=vrstc_job.groups[:1])  # nothing is recorded of STCnet
    assert repairer_names.label(bare, "vrstc/stcnet-gen") == "STCnet"
    assert repairer_names.label(bare, "somebody/else[a=1]") == "somebody/else [a=1]"


def test_an_arm_on_other_data_stands_after_itself_and_its_controls(vrstc_job: Job) -> None:
    raw = arm(vrstc_job, "gltr", [flat(50)], "raw", "raw")
    control = arm(vrstc_job, "gltr-shuffled", [flat(50)], "raw", "raw")
    facts = control.runs[0].result | {"control": "shuffled", "of": "gltr"}
    control = dataclasses.replace(control, runs=(dataclasses.replace(control.runs[0], result=facts),))
    both = arm(vrstc_job, "gltr@oracle/oracle", [flat(50)], "oracle", "oracle")
    other = arm(vrstc_job, "cosam", [flat(50)], "raw", "raw")
    unknown = arm(vrstc_job, "a", [flat(50)], "raw", "raw")
    groups = sorted([unknown, other, both, control, raw], key=lambda one: _position(one, ["gltr", "cosam"]))
    assert [one.name for one in groups] == ["gltr", "gltr-shuffled", "gltr@oracle/oracle", "cosam", "a"]


def test_a_record_of_before_is_of_raw_data_and_has_no_part_in_this(job: Job) -> None:
    group = job.by_name["gltr"]
    assert "data" not in group.first
    assert (group.data.train, group.data.test, group.data.base, group.data.repaired) == ("raw", "raw", "gltr", False)
    assert not job.repaired
    assert effect.squares(job) == () and effect.what_can_be_shown(job, ()) == ()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"train": "raw", "test": "raw"}, "data lacks base"),
        ({"train": "", "test": "raw", "base": "n"}, r"says nothing in data\.train"),
        ("raw", "data is a text, expected an object"),
    ],
)
def test_data_that_is_incomplete_is_refused(data: Any, message: str) -> None:
    arrays = fake_vrstc.per_query("nl", 0)
    with pytest.raises(ReportError, match=message):
        check_result(fake_vrstc.result("nl", 0, arrays) | {"data": data})


@pytest.mark.parametrize("fault", ["above", "nan", "short"])
def test_hidden_shares_that_are_none_are_refused(fault: str) -> None:
    arrays = fake_vrstc.per_query("nl", 0)
    hidden = arrays["hidden"].copy()
    if fault == "short":
        hidden = hidden[:-1]
    else:
        hidden[3] = 1.2 if fault == "above" else np.nan
    with pytest.raises(ReportError, match=r"array hidden .* a share from 0 to 1 for each of its 160 queries"):
        check_per_query(fake_vrstc.result("nl", 0, arrays), arrays | {"hidden": hidden})
