"""Tables of comparison: what may stand together, who shares a rank, and what is shown but never ranked."""

import csv
import io
import re
from typing import Any

import numpy as np
import pytest

from protocols.statistics import paired_difference
from reports.comparison import constraints, published
from reports.comparison.groups import ComparedArm, strata
from reports.comparison.page import bars, headline, matrix, plots
from reports.comparison.tables import ComparisonTable, compare, labels_of
from reports.render.table import Estimate
from reports.store.job import Job
from reports.store.jobs import Across, load_all
from runners.tracking.mlflow_writer import open_store
from tests.reports import fake, fake_many


@pytest.fixture(scope="module")
def compared(across: Across) -> tuple[ComparisonTable, ...]:
    return tuple(compare(one) for one in strata(across)[0])


@pytest.fixture(scope="module")
def field(compared: tuple[ComparisonTable, ...]) -> ComparisonTable:
    """The table of both papers."""
    return compared[0]


def test_both_papers_share_a_table_and_nothing_else_does(compared: tuple[ComparisonTable, ...]) -> None:
    found = {(one.stratum.protocol["name"], one.stratum.any_result["budget"]): one for one in compared}
    assert set(found) == {
        ("res50-rgb-single-pass", "full"),
        ("rgb-snippets", "full"),
        ("res50-rgb-single-pass", "quick"),
    }
    names = {key: sorted(entry.name for entry in one.stratum.entries) for key, one in found.items()}
    assert names["res50-rgb-single-pass", "full"] == ["alpha/alpha", "alpha/mean", "beta/beta", "beta/start"]
    assert names["rgb-snippets", "full"] == names["res50-rgb-single-pass", "quick"] == ["alpha/alpha", "alpha/mean"]


@pytest.mark.parametrize(
    ("what", "changes"),
    [
        ("data", {"dataset": fake.DATASET | {"fingerprint": "e" * 32}}),
        ("version", {"protocol": fake.PROTOCOL | {"version": 2}}),
        ("distance", {"protocol": fake.PROTOCOL | {"metric": "cosine"}}),
        ("AP", {"protocol": fake.PROTOCOL | {"ap": "step"}}),
        ("feeding", {"protocol": fake.PROTOCOL | {"test_frames": "chunks", "chunks": 8}}),
        ("profile", {"profile": "paper"}),
        ("budget", {"budget": "quick"}),
        ("size", {"size": (128, 64)}),
    ],
)
def test_a_single_difference_makes_two_tables(uri: str, what: str, changes: dict[str, Any]) -> None:
    store = open_store(uri)
    few = {("mean", None, None): 0.0}, {("start", None, None): 0.0}
    fake_many.job(store, "alpha", few[0], seeds={"mean": (0,)})
    fake_many.job(store, "beta", few[1], seeds={"start": (0,)}, **changes)
    found, refused = strata(load_all(uri))
    assert not refused
    assert sorted(entry.name for one in found for entry in one.entries) == ["alpha/mean", "beta/start"]
    assert len(found) == 2, what


def test_two_worlds_of_one_data_set_stand_in_two_tables_that_say_which(uri: str) -> None:
    store = open_store(uri)
    new = fake.DATASET | {"fingerprint": "e" * 32, "world": "embedded-2"}
    fake_many.job(store, "alpha", {("mean", None, None): 0.0}, seeds={"mean": (0,)})
    fake_many.job(store, "beta", {("start", None, None): 0.0}, seeds={"start": (0,)}, dataset=new)
    found, _ = strata(load_all(uri))
    assert sorted(one.title.split(",")[0] for one in found) == ["SynthWalk", "SynthWalk (embedded-2)"]


def test_a_record_that_names_more_empty_facts_of_the_protocol_stays_in_its_table(uri: str) -> None:
    store = open_store(uri)
    fake_many.job(store, "alpha", {("mean", None, None): 0.0}, seeds={"mean": (0,)})
    later = fake.PROTOCOL | {"choices": [], "query_camera": 0, "splits": 1, "snippets": None}
    fake_many.job(store, "beta", {("start", None, None): 0.0}, seeds={"start": (0,)}, protocol=later)
    (one,), _ = strata(load_all(uri))
    assert len(one.entries) == 2


def test_an_arm_whose_seeds_were_run_differently_is_refused_with_the_difference(uri: str) -> None:
    store = open_store(uri)
    parent = fake_many.job(store, "alpha", {("mean", None, None): 0.0}, seeds={"mean": (0,)}, finish=False)
    arrays = fake.per_query(0.0, 1, "alphameanNone")
    other = fake.result("mean", None, None, 1, arrays) | {"paper": "alpha", "size": [128, 64]}
    store.record_arm(parent, other, arrays, None, [])
    store.finish(parent, {})
    found, (sentence,) = strata(load_all(uri))
    assert not found
    assert "(size)" in sentence


def test_a_variant_that_is_asked_for_stands_beside_the_plain_job_as_rows_of_their_own(uri: str) -> None:
    store = open_store(uri)
    effects = {("mean", None, None): 0.0, ("alpha", None, None): 0.9}
    plain = fake_many.job(store, "alpha", effects)
    variant = fake_many.job(store, "alpha", effects, changes={"pretrained": "none"})
    (one,), _ = strata(load_all(uri, parents=[plain, variant]), {"alpha": ["alpha", "mean"]})
    made = compare(one)
    names = ["alpha/alpha", "alpha/alpha (pretrained none)", "alpha/mean", "alpha/mean (pretrained none)"]
    assert sorted(entry.name for entry in one.entries) == names
    assert made.standing is not None and sorted(made.standing.rank) == names
    assert sorted(made.table.column("method")) == ["Alpha", "Alpha (pretrained none)", "Mean over frames",
                                                   "Mean over frames (pretrained none)"]  # fmt: skip
    assert "pretrained" not in one.title
    (alone,), _ = strata(load_all(uri, parents=[variant]))
    assert alone.title.endswith("embedded profile, pretrained none, 64×32")
    assert sorted(compare(alone).table.column("method")) == ["Alpha", "Mean over frames"]


def test_ranks_are_those_of_the_known_effects(field: ComparisonTable) -> None:
    assert field.standing is not None
    assert field.standing.rank["alpha/alpha"] == 1
    assert field.standing.rank["beta/beta"] == 2
    assert field.standing.rank["alpha/mean"] == field.standing.rank["beta/start"] == 3  # 0.02 logits apart
    keys = [column.key for column in field.table.columns]
    shown = {row.cells[keys.index("arm")]: row.cells[keys.index("rank")] for row in field.table.rows}
    assert {name: shown[name] for name in field.standing.rank} == dict(field.standing.rank)


def test_colours_stand_last_once_and_unranked(field: ComparisonTable) -> None:
    assert len(field.stratum.colours) == 1  # equal in both jobs
    *others, last = field.table.rows
    keys = [column.key for column in field.table.columns]
    assert last.kind == "last colour"
    assert last.cells[keys.index("rank")] is None
    assert all(row.cells[keys.index("rank")] is not None for row in others)
    assert [last.cells[keys.index(key)] for key in ("backbone", "rgb_only", "single_pass", "paper")] == [None] * 4


def test_controls_are_no_rows(compared: tuple[ComparisonTable, ...]) -> None:
    for one in compared:
        assert all(entry.group.control in (None, "colour") for entry in one.stratum.every)


def test_arms_with_different_seeds_are_compared_over_those_they_share(field: ComparisonTable) -> None:
    assert field.standing is not None
    pair = field.standing.pair("beta/beta", "alpha/alpha")
    assert pair is not None
    assert pair.seeds == (1,)
    alpha, beta = (field.by_name(name).group for name in ("alpha/alpha", "beta/beta"))
    expected = alpha.values("mAP", (1,)).mean() - beta.values("mAP", (1,)).mean()
    assert pair.difference.mean == pytest.approx(expected)


def test_every_number_of_the_table_is_that_of_the_record(field: ComparisonTable) -> None:
    rows = list(csv.DictReader(io.StringIO(field.table.as_csv())))
    assert len(rows) == 5
    for row in rows[:-1]:
        group = field.by_name(row["arm"]).group
        for metric in ("mAP", "rank1", "rank5", "rank10", "rank20"):
            assert float(row[metric]) == pytest.approx(np.mean([run.result["metrics"][metric] for run in group.runs]))
            assert float(row[f"{metric}_low"]) < float(row[metric]) < float(row[f"{metric}_high"])
        assert row["run_ids"].split() == [run.run_id for run in group.runs]
        assert row["command"] == group.first["command"]
        assert float(row["params_m"]) == group.first["cost"]["params_m"]


def test_backbone_and_constraints_are_what_checks_saw_and_else_what_is_stated(uri: str) -> None:
    store = open_store(uri)
    unseen = [one for one in fake_many.CHECKS if one["name"] not in ("resnet50", "rgb")]
    failed = [one | {"passed": one["name"] != "single-pass"} for one in fake_many.CHECKS]
    effects = {("mean", None, None): 0.0}
    for budget, checks, options in (("full", unseen, {"depth": 18}), ("quick", failed, {})):
        more = {"admission": {"admitted": True, "checks": checks}, "options": options}
        fake_many.job(store, "alpha", effects, seeds={"mean": (0,)}, budget=budget, more=more)
    entries = {job.any_result["budget"]: ComparedArm(job, job.groups[0]) for job in load_all(uri).jobs}
    stated, seen = entries["full"], entries["quick"]
    assert constraints.backbone(stated).shown == "ResNet-18 (stated)"  # of its options; the card's is another
    assert constraints.rgb_only(stated).shown == "yes (stated)"
    assert constraints.single_pass(stated).shown == "yes"
    assert constraints.backbone(seen).shown == "ResNet-50"
    assert constraints.single_pass(seen).shown == "no"  # though the card states that it is


def test_gains_are_against_the_best_baseline_and_coloured_by_separation(field: ComparisonTable) -> None:
    assert field.best_baseline is not None and field.standing is not None
    assert field.best_baseline.name in ("alpha/mean", "beta/start")
    assert field.standing.order.index(field.best_baseline.name) == 2
    gains = {entry.name: gain for entry, gain in field.gains}
    for name, gain in gains.items():
        pair = field.standing.pair(name, field.best_baseline.name)
        assert pair is not None
        assert (gain.verdict != "cannot tell") == pair.separated
        assert gain.low <= gain.mean <= gain.high
    one, other = field.by_name("alpha/alpha").group, field.best_baseline.group
    independent = paired_difference(one.values("mAP"), other.values("mAP"), one.people())
    assert gains["alpha/alpha"].mean == pytest.approx(independent.mean)
    drawn = bars(field)
    assert [bar.verdict for bar in drawn] == [gain.verdict for _, gain in field.gains]
    assert all(0 <= bar.left <= bar.dot <= bar.left + bar.width <= 100 for bar in drawn)


def test_the_matrix_is_antisymmetric_and_agrees_with_the_pairs(field: ComparisonTable) -> None:
    found = matrix(field)
    assert found is not None
    turned = {"better": "worse", "worse": "better", "same": "same", "self": "self", "none": "none"}
    for row in range(len(found.heads)):
        for column in range(len(found.heads)):
            assert turned[found.rows[row][column][0]] == found.rows[column][row][0]
    separated = sum(cell[0] == "better" for row in found.rows for cell in row)
    assert separated == sum(cell == "yes" for cell in field.pairs.column("separated"))
    assert len(field.pairs.rows) == 6


def test_words_name_who_leads_and_the_number_of_comparisons(
    field: ComparisonTable, compared: tuple[ComparisonTable, ...]
) -> None:
    assert field.words[0] == "Alpha alone has rank 1; it is separably better than all 3 other rows."
    assert "6 comparisons of two rows over the same 160 queries of 40 people" in field.words[1]
    assert headline(compared) == "In 3 of 3 tables one row has rank 1 alone."


def test_a_network_that_was_fed_another_choice_is_not_ranked_with_those_that_saw_all(choices_job: Job) -> None:
    """Under snippet-vs-full a network of fixed clips has snippets as its headline, not the whole sequence."""
    whole, fixed = strata(Across(choices_job.uri, (choices_job,)))[0]
    assert {entry.group.name for entry in whole.entries} == {"baseline", "gltr"}
    assert [entry.group.name for entry in fixed.entries] == ["fixed"]
    assert "fed as snippets-4" in fixed.title and "fed as" not in whole.title


def test_arms_that_saw_the_truth_are_a_ceiling_without_rank(vrstc_job: Job) -> None:
    (stratum,), _ = strata(Across(vrstc_job.uri, (vrstc_job,)))
    assert {entry.group.name for entry in stratum.truths} == {"nl-oracle", "nl-oracle-test"}
    one = compare(stratum)
    assert one.standing is not None
    assert not {entry.name for entry in stratum.truths} & set(one.standing.rank)
    kinds = [row.kind for row in one.table.rows]
    assert kinds[-3:] == ["last truth", "last truth", "last colour"]
    assert one.best_baseline is not None
    assert not one.best_baseline.group.data.repaired


def test_labels_that_two_papers_share_carry_the_paper(uri: str) -> None:
    store = open_store(uri)
    fake_many.job(store, "alpha", {("mean", None, None): 0.0}, seeds={"mean": (0,)})
    same = {"label": fake_many.LABELS["mean"]}
    fake_many.job(store, "beta", {("start", None, None): 0.0}, seeds={"start": (0,)}, more=same)
    (stratum,), _ = strata(load_all(uri))
    assert set(labels_of(stratum).values()) == {"Mean over frames (alpha)", "Mean over frames (beta)"}


def test_figures_of_one_page_share_no_id(compared: tuple[ComparisonTable, ...]) -> None:
    ids = [found for one in compared for plot in plots(one) for found in re.findall(r' id="([^"]+)"', plot.svg)]
    assert ids
    assert len(ids) == len(set(ids))


def test_published_numbers_stand_apart_with_their_source_and_unranked(across: Across) -> None:
    table = published.published(across.cards, "mars")
    assert [column.key for column in table.columns].count("rank") == 0
    rows = {(row.cells[0], row.cells[1]): row for row in table.rows}
    assert ("Alpha", "alpha") in rows and ("Beta", "beta") in rows
    assert ("Deeper", "alpha") not in rows  # nothing is published of it
    assert ("ASTPN", "alpha") in rows  # quoted beside
    assert table.column("source") == ("Table 2", "Table 2", "Table 5") * 2
    assert not any(isinstance(cell, Estimate) for row in table.rows for cell in row.cells)
    assert "not comparable" in table.caption
