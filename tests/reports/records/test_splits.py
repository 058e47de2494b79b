"""Several divisions of a data set: what is averaged, how it spreads, and what must not be mixed."""

import json
from pathlib import Path

import numpy as np
import pytest

import reports
from protocols.statistics import clustered_bootstrap
from reports import build
from reports.comparison import groups
from reports.compose import compose
from reports.errors import NothingToReport, ReportError
from reports.ledger.difference import compare
from reports.ledger.ledger import build_ledger
from reports.records import attributes, test_time
from reports.records import splits as records_splits
from reports.records.attributes import KIND, Attributes
from reports.records.result_checks import check_result
from reports.records.test_time import Choices
from reports.render.table import Estimate
from reports.sections.results import splits as results_splits
from reports.sections.results import tables
from reports.store import cards
from reports.store.job import Job
from reports.store.jobs import load_all
from reports.store.read_job import load_job
from reports.store.reader import open_reader
from reports.terminal import page as terminal_page
from runners.tracking.mlflow_writer import open_store
from tests.reports import fake, fake_choices, fake_splits


@pytest.fixture(scope="module")
def divided_uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store with one finished job: two arms by two seeds by four divisions."""
    uri = fake.fresh(tmp_path_factory.mktemp("divided"))
    fake_splits.write(open_store(uri))
    return uri


@pytest.fixture(scope="module")
def divided(divided_uri: str) -> Job:
    return load_job(open_reader(divided_uri), fake_splits.EXPERIMENT)


def _rank1(arm: str, seeds: int = 2, numbers: range = range(4)) -> np.ndarray:
    """``[S, K]`` straight from what was drawn."""
    return np.array([[fake_splits.per_query(arm, seed, n)["hit1"].mean() for n in numbers] for seed in range(seeds)])


def test_a_number_is_the_mean_over_splits_and_beside_it_stands_their_deviation(divided: Job) -> None:
    table = tables.results(divided)
    rows = {row.cells[0]: dict(zip((c.key for c in table.columns), row.cells, strict=True)) for row in table.rows}
    for arm, label in (("baseline", "ResNet-50, mean over frames"), ("gltr", "GLTR")):
        drawn = _rank1(arm)
        found = rows[label]
        assert isinstance(found["rank1"], Estimate)
        assert found["rank1"].mean == pytest.approx(np.mean([row.mean() for row in drawn]), abs=1e-9)
        assert found["std_splits_rank1"] == pytest.approx(np.std(drawn.mean(axis=0), ddof=1), abs=1e-9)
        assert found["std_rank1"] == pytest.approx(np.std(drawn.mean(axis=1), ddof=1), abs=1e-9)
        assert found["seeds"] == 2


def test_the_table_of_splits_holds_each_of_them(divided: Job) -> None:
    (table,) = results_splits.tables(divided)
    assert table.name == "splits_rank1"
    row = next(row for row in table.rows if row.cells[0] == "GLTR")
    assert list(row.cells[1:5]) == pytest.approx(list(_rank1("gltr").mean(axis=0)))
    assert len(row.run_ids) == 8


def test_a_person_is_one_person_in_however_many_splits_it_is_tested(divided: Job) -> None:
    """If every split held the same queries with the same answers, the interval would be that of one split."""
    gltr = divided.by_name["gltr"]
    assert gltr.values("mAP").shape == (2, 4 * fake_splits.QUERIES)
    assert len(set(gltr.people().tolist())) == fake_splits.PEOPLE
    arrays = fake_splits.per_query("gltr", 0, 0)
    pooled = records_splits.pooled_queries([arrays] * 10, range(10), "it")
    one = clustered_bootstrap(arrays["average_precision"], arrays["person"], bounds=(0, 100))
    all_of_them = clustered_bootstrap(pooled["average_precision"], pooled["person"], bounds=(0, 100))
    assert (all_of_them.low, all_of_them.high) == pytest.approx((one.low, one.high), abs=1e-9)
    assert len(set(pooled["key"].tolist())) == 10 * fake_splits.QUERIES  # and still each query is one of its own


def test_arms_are_paired_in_the_same_seed_and_the_same_split(divided: Job) -> None:
    found = compare(divided.by_name["gltr"], divided.by_name["baseline"], "rank1", None)
    assert found is not None
    assert found.mean == pytest.approx((_rank1("gltr") - _rank1("baseline")).mean(), abs=1e-9)
    assert (found.queries, found.identities) == (80, 40)
    assert len(found.run_ids) == 2 * 2 * 4
    gaps = (_rank1("gltr") - _rank1("baseline")).mean(axis=0)
    card_claims = [claim | {"protocol": fake_splits.PROTOCOL["name"]} for claim in divided.card["claims"]]
    judged = build_ledger(_with_claims(divided, [c | {"metric": "rank1"} for c in card_claims]))
    assert f"in {(gaps > 1e-9).sum()} of 4 splits" in results_splits.leads(divided, judged)[0]


def _with_claims(job: Job, claims: list[dict[str, object]]) -> Job:
    from dataclasses import replace

    return replace(job, card=job.card | {"claims": claims})


def test_the_parents_data_are_all_splits_together_and_runs_carry_their_own(divided_uri: str) -> None:
    reader = open_reader(divided_uri)
    parent = reader.parent(fake_splits.EXPERIMENT)
    (data,) = parent.inputs.dataset_inputs
    assert data.dataset.digest == fake_splits.data_of(range(4))["fingerprint"] and len(data.dataset.digest) <= 36
    assert parent.data.tags["splits"] == "0 1 2 3 of 4"
    assert parent.data.metrics["rank1/gltr"] == pytest.approx(_rank1("gltr").mean())
    assert parent.data.metrics["rank1_std_splits/gltr"] == pytest.approx(_rank1("gltr").mean(axis=0).std(ddof=1))
    assert parent.data.metrics["rank1_std/gltr"] == pytest.approx(_rank1("gltr").mean(axis=1).std(ddof=1))
    frame = reports.load(fake_splits.EXPERIMENT, divided_uri)
    assert len(frame) == 16
    assert sorted(frame["split"].unique()) == list(range(4))
    digests = {run.inputs.dataset_inputs[0].dataset.digest for run in reader.children(parent)}
    assert digests == {fake_splits.dataset(number)["fingerprint"] for number in range(4)}


def test_recording_a_split_again_leaves_its_neighbours_alone(uri: str) -> None:
    store = open_store(uri)
    parent = fake_splits.write(store, range(2), 1)
    arrays = fake_splits.per_query("gltr", 1, 1)
    changed = fake_splits.result("gltr", 0, 1, arrays) | {"fingerprint": "of other code"}
    store.record_arm(parent, changed, arrays, None, [])
    names = [str(run.info.run_name) for run in store.children(parent)]
    assert names == ["baseline s0 split 0", "baseline s0 split 1", "gltr s0 split 0", "gltr s0 split 1"]


def test_other_sets_of_splits_are_other_jobs_and_never_share_a_table(uri: str) -> None:
    store = open_store(uri)
    parents = {fake_splits.write(store, range(4), 1), fake_splits.write(store, range(2), 1)}
    assert len(parents) == 2
    found, _ = groups.strata(load_all(uri, parents=tuple(parents)))
    assert len(found) == 2
    everything = load_all(uri)  # the one on fewer splits was the last to end, but says less
    assert [job.splits for job in everything.jobs] == [(0, 1, 2, 3)]
    assert "more splits" in everything.left_out[0].why
    assert sorted(one.title.split(",")[1] for one in found) == [" 2 of 4 splits", " 4 of 4 splits"]


def test_a_page_on_some_splits_says_so_and_shows_ranks_alone(uri: str, tmp_path: Path) -> None:
    parent = fake_splits.write(open_store(uri), (0, 1, 3))
    made = build.build(fake_splits.EXPERIMENT, parent=parent, tracking_uri=uri, out=tmp_path)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "3 of 4 (0, 1, 3)" in page
    assert "Published numbers are means over all 4" in page
    assert "All splits of the data: 3 of 4" in page  # among what was not verified
    head = page[page.index('id="table-results"') : page.index("</thead>", page.index('id="table-results"'))]
    assert "Rank-20" in head and "SD over splits" in head and ">mAP" not in head
    assert "average precision follows from the rank r of that match (1/r)" in page
    assert "mAP," in (tmp_path / "results.csv").read_text(encoding="utf-8").splitlines()[0]
    told = terminal_page(json.loads(json.dumps(made)), 118)
    assert "3 of 4 splits (0, 1, 3)" in told and "SD over splits" in told


def test_data_with_one_division_show_nothing_of_splits(job: Job, tmp_path: Path) -> None:
    assert job.splits == () and not job.one_match
    assert results_splits.section(job, build_ledger(job)) == {}
    page = compose(job).files["index.html"]
    assert "split" not in page.lower()


def test_a_seed_that_lacks_splits_does_not_count_and_is_named(uri: str) -> None:
    store = open_store(uri)
    parent = fake_splits.write(store, range(3), 1, finish=False)
    for number in (0, 1):
        fake_splits.record(store, parent, "gltr", 1, number)
    found = load_job(open_reader(uri), fake_splits.EXPERIMENT)
    assert found.by_name["gltr"].seeds == (0,)
    assert found.left_out == ("gltr with seed 1, which was run in 2 of 3 splits: let the job run on.",)


def test_a_job_stopped_early_is_reported_on_the_splits_that_all_arms_have(uri: str) -> None:
    store = open_store(uri)
    parent = fake_splits.begin(store, range(4))
    fake_splits.record(store, parent, "baseline", 0, 0)
    with_one_arm = load_job(open_reader(uri), fake_splits.EXPERIMENT)
    assert with_one_arm.splits == (0,)
    fake_splits.record(store, parent, "gltr", 0, 1)
    with pytest.raises(NothingToReport, match="no split yet in which all its arms were run"):
        load_job(open_reader(uri), fake_splits.EXPERIMENT)
    for arm, number in (("gltr", 0), ("baseline", 1), ("baseline", 2)):
        fake_splits.record(store, parent, arm, 0, number)
    found = load_job(open_reader(uri), fake_splits.EXPERIMENT)
    assert found.splits == (0, 1)
    assert found.by_name["gltr"].values("rank1").mean() == pytest.approx(_rank1("gltr", 1, range(2)).mean())
    assert found.any_result["dataset"]["fingerprint"] == fake_splits.data_of((0, 1))["fingerprint"]


def test_splits_with_different_numbers_of_queries_are_refused(uri: str) -> None:
    store = open_store(uri)
    parent = fake_splits.begin(store, (0, 1))
    fake_splits.record(store, parent, "gltr", 0, 0)
    arrays = {k: v[:-2] if len(v) == fake_splits.QUERIES else v for k, v in fake_splits.per_query("gltr", 0, 1).items()}
    store.record_arm(parent, fake_splits.result("gltr", 0, 1, arrays), arrays, None, [])
    with pytest.raises(ReportError, match="20, 18 queries in its splits 0, 1"):
        load_job(open_reader(uri), fake_splits.EXPERIMENT)


def test_the_data_of_several_splits_are_named_by_all_of_them() -> None:
    whole, some = fake_splits.data_of(range(4)), fake_splits.data_of((0, 1))
    assert len({whole["fingerprint"], some["fingerprint"], fake_splits.dataset(0)["fingerprint"]}) == 3
    assert whole["counts"]["query_tracklets"] == 20
    assert (whole["counts"]["train_frames_min"], whole["counts"]["train_frames_max"]) == (1000, 1003)
    assert "train_frames" not in whole["counts"]
    assert whole["splits"] == {"numbers": [0, 1, 2, 3], "of": 4}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"gallery_tracklets": 21}, False),  # somebody has two tracklets, or is no query
        ({"unmatched_queries": 1}, False),
        ({"query_ids": 19}, False),
    ],
)
def test_one_match_a_query_is_told_by_the_counts(changes: dict[str, int], expected: bool) -> None:
    data = fake_splits.dataset(0)
    assert records_splits.one_match({"dataset": data | {"counts": data["counts"] | changes}}) is expected
    assert not records_splits.one_match({"dataset": data | {"counts": {}}})


@pytest.mark.parametrize("split", [{"number": 10, "of": 10}, {"number": 0, "of": 1}, {"number": -1, "of": 10}, {}, 3])
def test_a_division_that_cannot_be_is_refused(split: object) -> None:
    arrays = fake_splits.per_query("gltr", 0, 0)
    result = fake_splits.result("gltr", 0, 0, arrays)
    check_result(result)
    with pytest.raises(ReportError, match="split"):
        check_result(result | {"split": split})


def test_conventions_are_averaged_and_unknown_numbers_stay_unknown() -> None:
    results = []
    for number, value in ((0, 10.0), (1, 30.0)):
        arrays = fake_splits.per_query("gltr", 0, number)
        row = {"gallery": "full", "ap": "step", "empty": "skip", "metric": "euclidean", "normalise": True}
        rows = [
            row | {"mAP": value, "rank1": value / 2, "valid_queries": 20, "queries": 20},
            row | {"ap": "trapezoid", "mAP": None if number else 5.0, "rank1": 1.0, "valid_queries": 0, "queries": 20},
        ]
        results.append(fake_splits.result("gltr", 0, number, arrays) | {"ledger": rows})
    first, second = records_splits.pooled_result(results)["ledger"]
    assert (first["mAP"], first["rank1"], first["queries"]) == (20.0, 10.0, 40)
    assert second["mAP"] is None and second["rank1"] == 1.0


def test_test_time_choices_are_pooled_over_splits_and_agree_with_their_queries() -> None:
    found = [fake_choices.choices("gltr", seed) for seed in (0, 1)]  # two seeds stand for two divisions
    both = test_time.pool(found, (0, 3), "it")
    record, arrays = both.record, both.arrays
    assert record["queries"] == 2 * found[0].record["queries"] == len(arrays["key"])
    assert (record["frames"], record["trunk_frames"], record["passes"]) == (24000, 24000, 1.0)
    for one in both.run:
        records = [part.of(one["name"]) for part in found]
        means = [told["metrics"]["mAP"] for told in records if told]
        assert one["metrics"]["mAP"] == pytest.approx(np.mean(means))
        values = both.values(one["name"])
        assert values is not None and values.mean() == pytest.approx(one["metrics"]["mAP"])
    assert [one["queries"] for one in both.bins] == [2 * one["queries"] for one in found[0].bins]
    assert both.valid(both.bins[0]["name"]).shape == (record["queries"],)


def test_slices_by_length_are_left_out_where_splits_were_cut_elsewhere() -> None:
    one, other = (fake_choices.choices("gltr", seed) for seed in (0, 1))
    cut = dict(other.record) | {"lengths": {"rule": "", "bins": other.record["lengths"]["bins"][1:]}}
    both = test_time.pool([one, Choices(cut, other.arrays)], (0, 1), "it")
    record, arrays = both.record, both.arrays
    assert record["lengths"]["bins"] == [] and "every split would be cut elsewhere" in record["lengths"]["rule"]
    assert not [key for key in arrays if "gallery/" in key]
    fewer = dict(other.record) | {"choices": other.record["choices"][1:]}
    with pytest.raises(ReportError, match="other choices in its splits 0, 1 each"):
        test_time.pool([one, Choices(fewer, other.arrays)], (0, 1), "it")


def test_recognised_attributes_are_pooled_over_splits_unless_their_columns_differ() -> None:
    column = {"name": "hat", "attribute": "hat", "group": "head", "positive": 0.25}
    record = {"annotation": "a", "labels": "b", "tracklets": 2, "people": 2, "what": "c", "columns": [column]}
    parts = [
        {
            "person": np.array(people),
            "key": np.array(["x", "y"]),
            "truth": np.zeros((2, 1)),
            "probability": np.ones((2, 1)),
        }
        for people in ([1, 2], [2, 3])
    ]
    other = record | {"columns": [column | {"positive": 0.75}]}
    one, two = Attributes(record, parts[0]), Attributes(other, parts[1])
    pooled = attributes.pool([one, two], (0, 1))
    assert pooled is not None
    told = pooled.record
    KIND.verify(told, pooled.arrays, "the attributes")
    assert (told["tracklets"], told["people"], told["columns"][0]["positive"]) == (4, 3, 0.5)
    assert pooled.arrays["key"].tolist() == ["0/x", "0/y", "1/x", "1/y"]
    assert attributes.pool([one, Attributes(record | {"columns": []}, parts[1])], (0, 1)) is None


def test_drawn_data_in_anothers_layout_stand_beside_that_ones_published_numbers() -> None:
    card = {"published": [{"dataset": name} for name in ("mars", "ilids")]}
    assert cards.published_dataset(card, "synthwalk-ilids") == "ilids"
    assert cards.published_dataset(card, "synthwalk-prid") == cards.published_dataset(card, "synthwalk") == "mars"
    assert tables.dataset_label("synthwalk-prid") == "SynthWalk as PRID 2011"
