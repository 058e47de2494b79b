"""Images against videos: every side has its own queries, hits, published numbers and verdicts."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reports import terminal
from reports.build import write
from reports.errors import ReportError
from reports.ledger.ledger import build_ledger
from reports.page import paper_page
from reports.records.per_query import check_per_query, query_values
from reports.records.result_checks import check_result
from reports.render.table import Estimate, shown
from reports.schema.metrics import METRIC_LABELS
from reports.sections.results import sides
from reports.sections.results.tables import results
from reports.store import cards
from reports.store.arm import Group
from reports.store.job import Job
from reports.store.read_job import load_job
from reports.store.reader import open_reader
from runners.tracking.mlflow_writer import open_store
from tests.reports import fake, fake_tkp
from tests.reports.pages.test_page import Structure

ARRAYS = {
    "average_precision": np.array([50.0, 100.0, 20.0]),
    "first_hit": np.array([2, 1, 4]),
    "valid": np.array([True, True, True]),
    "I2I/average_precision": np.array([10.0, 30.0, 0.0]),
    "I2I/first_hit": np.array([7, 3, 0]),
    "I2I/valid": np.array([True, True, False]),
    "I2I/hit1": np.array([0.0, 25.0, 0.0]),  # a tie for the first place among four
}


def test_a_side_has_its_own_precision_hits_and_validity() -> None:
    assert query_values(ARRAYS, "mAP", "skip").tolist() == [50.0, 100.0, 20.0]
    assert query_values(ARRAYS, "I2I/mAP", "skip").tolist() == [10.0, 30.0]  # its third query has no answer
    assert query_values(ARRAYS, "I2I/mAP", "zero").tolist() == [10.0, 30.0, 0.0]
    assert query_values(ARRAYS, "I2I/rank1", "skip").tolist() == [0.0, 25.0]  # from hit1, exact under the tie
    assert query_values(ARRAYS, "I2I/rank5", "skip").tolist() == [0.0, 100.0]  # from the first hit
    assert query_values(ARRAYS, "rank1", "skip").tolist() == [0.0, 100.0, 0.0]


@pytest.mark.parametrize("metric", ["V2V/mAP", "V2I/rank1", "cosam5/auc", "I2I/auc", "I2I/"])
def test_a_side_or_metric_that_is_not_there_is_named(metric: str) -> None:
    with pytest.raises(ReportError, match=metric.partition("/")[0]):
        query_values(ARRAYS, metric, "skip")


def test_labels_name_the_side() -> None:
    assert (METRIC_LABELS["I2V/rank1"], METRIC_LABELS["V2I/mAP"], METRIC_LABELS["rank1"]) == (
        "I2V rank-1", "V2I mAP", "Rank-1",
    )  # fmt: skip


def recorded() -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    arrays = fake_tkp.per_query("tkp", 0)
    return json.loads(json.dumps(fake_tkp.result("tkp", 0, arrays))), arrays


def test_a_true_record_passes_and_old_ones_still_do() -> None:
    result, arrays = recorded()
    check_result(result)
    check_per_query(result, arrays)
    plain = fake.per_query(0.0, 0, "x")
    check_result(fake.result("gltr", None, None, 0, plain))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("sides", "V2V", "mAP"), 12.0, r"sides\.V2V\.mAP = 12\.000, but metrics\.V2V/mAP"),
        (("metrics", "V2I/rank1"), 1.0, r"sides\.V2I\.rank1"),
        (("metrics", "mAP"), 1.0, r"sides\.I2V\.mAP .* metrics\.mAP"),  # the headline is I2V
        (("sides", "I2A"), {}, r"sides\.I2A is 'I2A', expected 'I2V', "),
        (("sides", "V2V", "intervals"), None, r"sides\.V2V lacks intervals"),
        (("sides", "I2V"), None, "puts first"),
        (("protocol", "sides"), [], r"protocol\.sides is empty"),
        (("variants", 0, "mean"), None, r"variants\[0\] lacks mean"),
        (("variants", 0, "side"), "here", r"variants\[0\]\.side is 'here', expected 'I2V', "),
        (("sides", "V2V", "rank5"), float("nan"), "finite"),
    ],
)
def test_a_record_whose_sides_do_not_agree_is_refused(path: tuple[Any, ...], value: Any, message: str) -> None:
    result, _ = recorded()
    place: Any = result
    for key in path[:-1]:
        place = place[key]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    with pytest.raises(ReportError, match=message):
        check_result(result)


def test_per_query_files_are_checked_on_every_side() -> None:
    result, arrays = recorded()
    with pytest.raises(ReportError, match="V2I/first_hit"):
        check_per_query(result, {key: value for key, value in arrays.items() if key != "V2I/first_hit"})
    with pytest.raises(ReportError, match="I2I/valid"):
        check_per_query(result, arrays | {"I2I/valid": arrays["I2I/valid"][:-1]})
    with pytest.raises(ReportError, match="averages to V2V/mAP"):
        check_per_query(result, arrays | {"V2V/average_precision": arrays["V2V/average_precision"] * 0.9})


def test_people_and_values_of_a_side_are_its_own(tkp_job: Job) -> None:
    group = tkp_job.by_name["tkp"]
    for side, lost in fake_tkp.LOST.items():
        counted = fake.QUERIES - lost
        assert len(group.people(f"{side}/mAP")) == group.values(f"{side}/mAP").shape[1] == counted
    assert len(group.people()) == fake.QUERIES - fake_tkp.LOST["I2V"]


def test_the_matrix_shows_what_was_measured_what_was_published_and_what_encoded_it(tkp_job: Job) -> None:
    table = sides.matrix(tkp_job)
    rows = {row.cells[0]: row for row in table.rows}
    keys = [column.key for column in table.columns]
    assert list(table.column("arm")) == [
        "ResNet-50, mean over frames", "Two networks", "published on MARS", "TKP-F", "published on MARS", "TKP",
        "published on MARS",
    ]  # fmt: skip
    for run_side in fake_tkp.PROTOCOL["sides"]:
        cell = rows["TKP"].cells[keys.index(f"{run_side}_mAP")]
        assert isinstance(cell, Estimate)
        measured = [run.result["sides"][run_side]["mAP"] for run in tkp_job.by_name["tkp"].runs]
        assert cell.mean == pytest.approx(np.mean(measured))
        assert cell.low < cell.mean < cell.high
        last = table.rows[-1].cells
        assert last[keys.index(f"{run_side}_mAP")] == fake_tkp.TABLE2["tkp"].get(run_side, (None,))[0]
    assert rows["TKP"].cells[keys.index("I2I_valid_queries")] == 157
    assert "own network on one frame" in rows["ResNet-50, mean over frames"].note
    assert table.rows[-1].note == f"Images: {fake_tkp.IMAGE}. Videos: {fake_tkp.VIDEO}."


def test_networks_that_depend_on_the_side_are_told_side_by_side() -> None:
    words = sides.through({"I2V": {"query": "a", "gallery": "b"}, "I2I": {"query": "c", "gallery": "c"}})
    assert words == "I2V: a, against b. I2I: c, against c."


def test_one_variant_of_each_side_is_marked_and_is_the_number_of_the_matrix(tkp_job: Job) -> None:
    table, matrix = sides.variants(tkp_job), sides.matrix(tkp_job)
    marked = [row for row in table.rows if "headline" in row.kind]
    assert [row.cells[:2] for row in marked] == [(side, "euclidean") for side in fake_tkp.PROTOCOL["sides"]]
    place = [column.key for column in table.columns].index("tkp_rank1")
    for row in marked:
        cell = next(one for one in matrix.rows if one.cells[0] == "TKP").cells[
            [column.key for column in matrix.columns].index(f"{row.cells[0]}_rank1")
        ]
        assert isinstance(cell, Estimate)
        assert row.cells[place] == pytest.approx(cell.mean)
    words = sides.variant_words(table, tkp_job.by_name["tkp"])
    low, high = (f"{value:.1f}" for value in (matrix_mean(tkp_job) - 0.4, matrix_mean(tkp_job) + 2.1))
    assert f"between {low} and {high} % mAP" in words


def matrix_mean(job: Job) -> float:
    return float(job.by_name["tkp"].values("I2V/mAP").mean())


def test_published_numbers_of_the_headline_side_stand_in_the_results(tkp_job: Job) -> None:
    table = results(tkp_job)
    assert "side I2V" in table.caption
    assert table.column("published_mAP") == (None, 55.5, 64.2, 65.1)
    assert table.column("published_rank1") == (None, 67.1, 75.0, 75.6)
    assert any("image query, video gallery" in note for note in table.notes)
    assert sum("one network for both" in note for note in table.notes) == 1  # what was fed, once for each way
    card = tkp_job.card
    again = {"arm": "tkp", "dataset": "mars", "metric": "I2V/mAP", "value": 65.0, "source": "Table 9"}
    longer = dataclasses.replace(tkp_job, card=card | {"published": [*card["published"], again]})
    assert results(longer) == table  # what is not shown is not cited
    assert sum("Table 2" in note for note in table.notes) == 1
    assert cards.published_on_side(card, "tkp", "mars", None) == {"mAP": 73.3, "rank1": 84.0}  # video to video
    assert cards.published_on_side(card, "tkp", "mars", "V2I") == {}


def test_claims_are_judged_on_their_own_side(tkp_job: Job) -> None:
    ledger = build_ledger(tkp_job)
    found = {claim.id: claim for claim in ledger.claims}
    assert {key: claim.gain for key, claim in found.items()} == {
        "tkp-beats-baseline": "reproduced", "tkp-helps-images": "reproduced", "tkp-keeps-videos": "undecided",
    }  # fmt: skip
    images = found["tkp-helps-images"].difference
    assert images is not None
    assert images.queries == 157
    arm, other = (tkp_job.by_name[name].values("I2I/rank1").mean() for name in ("tkp", "baseline"))
    assert images.mean == pytest.approx(arm - other)
    assert "I2I rank-1" in found["tkp-helps-images"].words
    assert [(one["id"], one["protocol"]) for one in ledger.elsewhere] == [("tkp-on-ilids", "image-to-video-ilids")]


def bare(group: Group, side: str) -> Group:
    """The same runs, not judged on a side."""
    runs = tuple(
        dataclasses.replace(
            run,
            per_query={key: value for key, value in run.per_query.items() if not key.startswith(f"{side}/")},
            result=run.result | {"sides": {key: one for key, one in run.result["sides"].items() if key != side}},
        )
        for run in group.runs
    )
    return dataclasses.replace(group, runs=runs)


def test_an_arm_without_a_side_leaves_its_claims_unjudged_and_its_cells_empty(tkp_job: Job) -> None:
    groups = tuple(bare(group, "V2V") if group.name == "baseline" else group for group in tkp_job.groups)
    job = dataclasses.replace(tkp_job, groups=groups)
    claim = next(one for one in build_ledger(job).claims if one.id == "tkp-keeps-videos")
    assert (claim.gain, claim.difference) == ("undecided", None)
    assert "Two networks recorded no result on the side V2V" in claim.words
    table = sides.matrix(job)
    row = next(row for row in table.rows if row.cells[0] == "Two networks")
    assert row.cells[[column.key for column in table.columns].index("V2V_mAP")] is None
    assert "Side V2V of Two networks" in paper_page(job, build_ledger(job))


def test_page_terminal_and_files_show_every_side(tkp_job: Job, tmp_path: Path) -> None:
    built = json.loads(json.dumps(write(tkp_job, tmp_path)))
    page = (tmp_path / "index.html").read_text()
    structure = Structure()
    structure.feed(page)
    assert structure.open == [] and len(structure.ids) == len(set(structure.ids))
    assert {link[1:] for link in structure.anchors} <= set(structure.ids)
    table = sides.matrix(tkp_job).visible()
    for row in table.rows:
        assert row.note in page
        for column, cell in zip(table.columns, row.cells, strict=True):
            assert cell is None or shown(column, cell).split(" [")[0] in page
    assert "made under image-to-video-ilids" in page
    text = terminal.page(built, width=110)
    lines = next(line for line in text.splitlines() if line.startswith("TKP ") and line.count(".") == 8)
    assert lines.split()[1] == f"{matrix_mean(tkp_job):.1f}"
    assert "ELSEWHERE" in text
    for name in ("sides", "variants"):
        assert {f"{name}.csv", f"{name}.tex"} <= set(built["files"])
    csv = (tmp_path / "sides.csv").read_text()
    assert "I2V_mAP,I2V_mAP_low,I2V_mAP_high" in csv
    assert fake_tkp.OWN_IMAGE in csv


def test_a_plain_protocol_has_no_section_of_sides(job: Job, tmp_path: Path) -> None:
    built = write(job, tmp_path)
    assert not {"sides", "variants"} & set(built["tables"])
    assert 'id="sides"' not in (tmp_path / "index.html").read_text()


def test_arms_whose_queries_differ_on_one_side_are_refused(tmp_path: Path) -> None:
    uri = fake.fresh(tmp_path / "store")
    store = open_store(uri)
    parent = store.begin(fake_tkp.card(), fake.DATASET, fake_tkp.PROTOCOL, "embedded", "command", fake.ENVIRONMENT)
    for arm in ("baseline", "tkp"):
        arrays = fake_tkp.per_query(arm, 0)
        if arm == "tkp":  # another query is without an answer than for the other arm
            arrays["I2I/valid"] = np.roll(arrays["I2I/valid"], 1)
        store.record_arm(parent, fake_tkp.result(arm, 0, arrays), arrays, None, [])
    with pytest.raises(ReportError, match=r"other queries than .* I2I/valid differs"):
        load_job(open_reader(uri), fake_tkp.EXPERIMENT)


def test_a_claim_without_a_protocol_is_made_under_the_one_of_its_card(tkp_job: Job) -> None:
    constraints = tkp_job.card["constraints"] | {"protocol": "elsewhere-v1"}
    ledger = build_ledger(dataclasses.replace(tkp_job, card=tkp_job.card | {"constraints": constraints}))
    assert [claim.id for claim in ledger.claims] == ["tkp-helps-images"]  # which names this protocol itself
    assert {one["protocol"] for one in ledger.elsewhere} == {"elsewhere-v1", "image-to-video-ilids"}
    old = {key: value for key, value in constraints.items() if key != "protocol"}  # a card of before
    assert len(build_ledger(dataclasses.replace(tkp_job, card=tkp_job.card | {"constraints": old})).claims) == 3
