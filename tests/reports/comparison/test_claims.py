"""All claims on one page, as JSON and as CSV: the ledger's own judgement, and nothing forgotten."""

import csv
import html
import io
import json
import re
from collections import Counter

import pytest

from reports.comparison.claims import CSV_COLUMNS, KEYS, SCHEMA, Judged, all_claims, as_csv, as_json, counts, headline
from reports.comparison.claims_page import claims_page, overview, tables
from reports.compose import compose
from reports.html import origins
from reports.ledger.ledger import SYNTHETIC, build_ledger
from reports.render.table import Estimate, shown
from reports.store.cards import normalise
from reports.store.jobs import Across, load_all
from runners.tracking.mlflow_writer import open_store
from tests.reports import fake_many

SHELF = {"gamma": normalise(fake_many.card("beta")) | {"claims": fake_many.card("beta")["claims"][:1]}}


@pytest.fixture(scope="module")
def found(across: Across) -> tuple[Judged, ...]:
    return all_claims(across, SHELF)


@pytest.fixture(scope="module")
def plain(found: tuple[Judged, ...]) -> dict[str, object]:
    told: dict[str, object] = json.loads(as_json(found))
    return told


@pytest.fixture(scope="module")
def page(across: Across, found: tuple[Judged, ...]) -> str:
    runs = {}
    for job in across.jobs:
        runs |= origins(job, "papers/x/index.html")
    return claims_page(across, found, runs, [("index.html", "Overview")], {})


def test_every_claim_of_every_paper_is_there_and_counted(found: tuple[Judged, ...]) -> None:
    there = Counter((one.paper, one.id) for one in found)
    assert {paper for paper, _ in there} == {"alpha", "beta", "gamma"}
    assert all(there["alpha", claim] >= 1 for claim in ("beats", "in-snippets", "deeper", "abroad"))
    assert there["alpha", "beats"] == 2  # full and quick budget; not under snippets, where it is not made
    assert there["alpha", "in-snippets"] == 1
    statuses = Counter((one.paper, one.status) for one in found)
    assert statuses["gamma", "not run"] == 1
    assert statuses["beta", "not run"] == 2  # in snippets, where its job has not finished, and abroad
    for paper, row in counts(found).items():
        assert sum(row.values()) == sum(one.paper == paper for one in found)


def test_a_claim_is_judged_where_it_is_made_and_named_where_it_is_not(found: tuple[Judged, ...]) -> None:
    beats = [one for one in found if (one.paper, one.id) == ("alpha", "beats")]
    assert {one.job.any_result["protocol"]["name"] for one in beats if one.job} == {fake_many.SINGLE}
    assert all(one.elsewhere == ("rgb-snippets v1",) for one in beats)
    (snippets,) = [one for one in found if (one.paper, one.id) == ("alpha", "in-snippets")]
    assert snippets.job is not None
    assert snippets.job.any_result["protocol"]["name"] == "rgb-snippets"
    assert snippets.elsewhere == ("res50-rgb-single-pass v1",)
    (abroad,) = [one for one in found if (one.paper, one.id) == ("alpha", "abroad")]
    assert (abroad.status, abroad.gain) == ("not run", None)
    assert "image-to-video-ilids" in abroad.reason


def test_a_claim_without_a_protocol_is_judged_under_each_that_was_run(uri: str) -> None:
    card = fake_many.card("alpha")
    del card["constraints"]["protocol"]
    store = open_store(uri)
    effects = {("mean", None, None): 0.0, ("alpha", None, None): 0.9}
    for protocol in (fake_many.fake.PROTOCOL, fake_many.SNIPPETS):
        parent = fake_many.job(store, "alpha", effects, seeds={"mean": (0,), "alpha": (0,)}, protocol=protocol)
        store.client.log_dict(parent, card, "card.json")
    found = [one for one in all_claims(load_all(uri)) if one.id == "beats"]
    assert {one.job.any_result["protocol"]["name"] for one in found if one.job} == {fake_many.SINGLE, "rgb-snippets"}
    assert len({one.key for one in found}) == 2
    assert all(not one.elsewhere for one in found)


def test_one_seed_is_undecided_and_controls_that_were_not_run_are_named(found: tuple[Judged, ...]) -> None:
    beats = {one.job.any_result["budget"]: one for one in found if one.id == "beats" and one.job
             and one.paper == "alpha"}  # fmt: skip
    assert {budget: one.gain for budget, one in beats.items()} == {"full": "reproduced", "quick": "undecided"}
    answers = {budget: {one.name: one.answer for one in beats[budget].claim.causes} for budget in beats}
    assert answers == {
        "full": {"order": "supported", "capacity": "supported", "weights": "supported"},
        "quick": {"order": "not run", "capacity": "not run"},
    }


def test_json_has_the_promised_keys_and_agrees_with_each_papers_own_ledger(
    across: Across, plain: dict[str, object]
) -> None:
    assert plain["schema"] == SCHEMA == 2
    assert plain["keys"] == KEYS
    rows = plain["claims"]
    assert isinstance(rows, list)
    assert all(list(row) == list(KEYS) for row in rows)
    by_job = {(row["parent_id"], row["claim"]): row for row in rows if row["parent_id"]}
    for job in across.jobs:
        ledger = json.loads(compose(job).files["ledger.json"])
        assert len(ledger["claims"]) == sum(parent == job.parent_id for parent, _ in by_job)
        for own in ledger["claims"]:
            row = by_job[job.parent_id, own["id"]]
            assert row["reason"] == own["words"]
            if own["difference"] is None:
                assert (row["status"], row["gain"], row["power"], row["difference"]) == ("not judged", None, None, None)
                continue
            assert (row["status"], row["gain"], row["p_holm"]) == ("judged", own["gain"], own["p_holm"])
            assert (row["gain_holm"], row["power"]) == (own["gain_holm"], own["power"])
            for key in ("mean", "low", "high", "p", "seeds", "queries", "run_ids"):
                assert row["difference"][key] == own["difference"][key]
            assert list(row["causes"]) == [one["name"] for one in own["causes"]]
            for one in own["causes"]:
                cause = row["causes"][one["name"]]
                assert (cause["answer"], cause["why"]) == (one["answer"], one["why"])
                assert (cause["difference"] or {}).get("mean") == (one["difference"] or {}).get("mean")


def test_keys_are_never_lost_within_a_schema(plain: dict[str, object]) -> None:
    promised = {
        "paper", "claim", "text", "source", "arm", "against", "metric", "unit", "temporal", "within", "made_under",
        "published", "status", "gain", "gain_why", "p_holm", "gain_holm", "causes", "headroom", "power", "mechanism",
        "reason", "difference", "colour", "dataset", "protocol",
        "profile", "budget", "seeds", "experiment", "parent_id", "run_ids", "command", "note", "synthetic",
        "also_run_under",
    }  # fmt: skip
    assert promised <= set(KEYS)


def test_differences_are_those_of_the_drawn_queries(plain: dict[str, object]) -> None:
    rows = plain["claims"]
    assert isinstance(rows, list)
    (row,) = [one for one in rows if (one["paper"], one["claim"], one["budget"]) == ("alpha", "beats", "full")]
    expected = fake_many.mean_difference(0.9, 0.0, "alpha", "alpha", "mean", (0, 1))
    assert row["difference"]["mean"] == pytest.approx(expected)
    assert row["seeds"] == [0, 1]
    assert {name: cause["control"] for name, cause in row["causes"].items()} == {
        "order": "shuffled", "capacity": "mlp", "weights": "uniform",
    }  # fmt: skip
    assert row["colour"]["mean"] == pytest.approx(
        fake_many.fake.per_query(-1.6, 0, "colour")["average_precision"].mean()
    )
    assert row["note"] == SYNTHETIC
    assert row["command"] == fake_many.command("alpha", fake_many.fake.PROTOCOL)
    (beta,) = [one for one in rows if (one["paper"], one["claim"]) == ("beta", "beats")]
    assert beta["seeds"] == [1]  # that both arms have


def test_csv_has_the_same_rows_and_numbers(found: tuple[Judged, ...], plain: dict[str, object]) -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(found))))
    told = plain["claims"]
    assert isinstance(told, list)
    assert len(rows) == len(told)
    for row, one in zip(rows, told, strict=True):
        assert tuple(row) == CSV_COLUMNS
        assert (row["paper"], row["claim"], row["gain"]) == (one["paper"], one["claim"], one["gain"] or "")
        if one["difference"]:
            assert float(row["difference"]) == one["difference"]["mean"]
            assert float(row["low"]) == one["difference"]["low"]
            assert float(row["detectable"]) == one["power"]["detectable"]
        for name, cause in one["causes"].items():
            assert row[f"{name}_answer"] == cause["answer"]
            if cause["difference"]:
                assert float(row[f"{name}_high"]) == cause["difference"]["high"]


def test_the_page_shows_what_the_json_says(page: str, plain: dict[str, object], found: tuple[Judged, ...]) -> None:
    text = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())
    rows = plain["claims"]
    assert isinstance(rows, list)
    for row in rows:
        assert row["text"] in text
        assert row["reason"] in text
        for run in row["run_ids"]:
            assert run in page
    assert SYNTHETIC in text
    assert headline(found) in text
    (table,) = tables(found)
    for line in table.rows:
        for column, cell in zip(table.columns, line.cells, strict=True):
            if isinstance(cell, Estimate):
                assert shown(column, cell.mean) in text
    for command in {row["command"] for row in rows if row["command"]}:
        assert html.escape(command) in page


def test_each_row_of_the_table_leads_to_its_claim(page: str, found: tuple[Judged, ...]) -> None:
    ids = re.findall(r'id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    (table,) = tables(found)
    assert len(table.rows) == len(found)
    assert {row.href.removeprefix("#") for row in table.rows} <= set(ids)


def test_the_overview_counts_to_the_number_of_entries(found: tuple[Judged, ...]) -> None:
    lines = overview(found)
    assert [line.name for line in lines] == ["alpha", "beta", "gamma"]
    assert sum(part.count for line in lines for part in line.parts) == len(found)
    assert lines[2].spoken == "gamma: 1 not run"


def test_a_paper_whose_job_has_not_finished_is_listed_with_that_reason(uri: str) -> None:
    store = open_store(uri)
    few = {"mean": (0,), "start": (0,)}
    fake_many.job(store, "alpha", {("mean", None, None): 0.0}, seeds=few)
    fake_many.job(store, "beta", {("start", None, None): 0.0}, seeds=few, finish=False)
    found = [one for one in all_claims(load_all(uri)) if one.paper == "beta"]
    assert {one.status for one in found} == {"not run"}
    assert all("has not finished" in one.reason for one in found)
    assert len(found) == len(fake_many.card("beta")["claims"])


def test_nothing_is_judged_by_a_second_rule(across: Across, found: tuple[Judged, ...]) -> None:
    for job in across.jobs:
        own = {claim.id: claim for claim in build_ledger(job).claims}
        for one in found:
            if one.job is job and one.claim is not None:
                assert one.claim == own[one.id]
