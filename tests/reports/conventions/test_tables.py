"""The protocol ledger: worked spreads and moves, orders that turn, records that do not agree with themselves."""

import copy
import re
from typing import Any

import pytest

from protocols.ranking.published import PUBLISHED
from reports.compose import compose
from reports.conventions import page as protocol_ledger_page
from reports.conventions import tables
from reports.conventions.spread import alone, joined, moved, spread, swaps
from reports.conventions.tables import build, full_table, moves_table, named_table, orders_table
from reports.errors import ReportError
from reports.records.conventions import way_of
from reports.records.result_checks import check_result
from reports.store.job import Job
from reports.store.jobs import Across
from tests.reports.fake_ledger import rows, with_ledger

OFFICIAL = ("full", "trapezoid", "zero", "unit Euclid")
TORCHREID = ("without-queries", "step", "skip", "plain Euclid")


def values(base: float = 50.0, plain: float = 0.0) -> dict[tuple[str, str, str, str], float | None]:
    return {way_of(row): row["mAP"] for row in rows(base, 60.0, plain)}


def across(*jobs: Job) -> Across:
    return Across(uri="sqlite:///mlflow.db", jobs=jobs)


def test_a_spread_by_hand():
    """Lowest: plain distances, full gallery, trapezoid: 46. Highest: unit, without queries, step: 53.5."""
    found = spread(values())
    assert found is not None
    assert (found.low, found.high, found.points) == (46.0, 53.5, 7.5)
    assert found.at_low[0] in ("full", "without-junk") and found.at_low[1] == "trapezoid"
    assert found.at_high[:2] == ("without-queries", "step") and found.at_high[3] != "plain Euclid"


def test_what_one_choice_moves_is_counted_with_the_others_held():
    assert alone(values(), OFFICIAL) == {"gallery": 1.5, "ap": 2.0, "empty": 0.0, "distance": 4.0}
    changes = moved(values(), OFFICIAL)
    assert len(changes) == 2 + 1 + 1 + 2
    assert changes["distance", "unit Euclid", "plain Euclid"] == -4.0
    assert changes["distance", "unit Euclid", "cosine"] == 0.0
    assert changes["gallery", "full", "without-queries"] == 1.5
    back = moved(values(), TORCHREID)
    assert back["gallery", "without-queries", "full"] == -1.5 and back["ap", "step", "trapezoid"] == -2.0


def test_ways_without_a_number_are_left_out():
    some = values() | {OFFICIAL: None}
    assert moved(some, OFFICIAL) == {}
    assert alone({OFFICIAL: None}, OFFICIAL) == {} and spread({OFFICIAL: None}) is None


def test_an_order_turns_only_where_each_leads_once():
    a, b, c = values(50.0), values(49.0, plain=3.0), values(40.0)
    turns, pairs = swaps({"a": a, "b": b, "c": c})
    assert pairs == 3 and len(turns) == 1
    one = turns[0]
    assert (one.first, one.second, one.lead, one.behind) == ("a", "b", 1.0, 2.0)
    assert one.lead_at[3] != "plain Euclid" and one.behind_at[3] == "plain Euclid"
    assert swaps({"a": a, "b": b}, [OFFICIAL])[0] == []
    assert swaps({"a": a, "b": dict(a)}) == ([], 1)


def test_only_what_agrees_everywhere_is_joined():
    sets = dict(joined([values()]))
    assert list(sets["gallery"].values()) == [("full", "without-junk"), ("without-queries",)]
    assert list(sets["empty"].values()) == [("skip", "zero")]
    assert sorted(sets["distance"].values()) == [("plain Euclid",), ("unit Euclid", "cosine")]
    other = values()
    other["without-junk", "step", "zero", "cosine"] = 1.0
    apart = dict(joined([values(), other]))
    assert all(len(found) == 1 for choice in ("gallery", "empty", "distance") for found in apart[choice].values())


def test_tables_hold_the_worked_numbers(job: Job):
    found = build(across(with_ledger(job)))
    (part,) = found.parts
    names = {arm.entry.group.name for arm in part.arms}
    assert names == {"baseline", "dtp", "tsa", "gltr"} and found.missing == 0
    table = named_table(part, "mAP")
    for row, arm in zip(table.rows, part.arms, strict=True):
        cells = dict(zip((column.title for column in table.columns), row.cells, strict=True))
        own = float(arm.entry.group.values("mAP").mean())
        assert cells["torchreid family"] == pytest.approx(own - 4 + 1.5 + 2)
        assert cells["AP3D, TCLNet, BiCnet"] == pytest.approx(own + 2)
        assert cells["Spread"] == pytest.approx(7.5)
        official = next(value for title, value in cells.items() if title.startswith("official MARS"))
        assert official == pytest.approx(own)
    moves = {(row.cells[0], row.cells[2]): row.cells[4] for row in moves_table(part.arms).rows}
    assert moves["AP formula", "step"].mean == pytest.approx(2) and moves["distance", "plain Euclid"].low == -4
    assert len(full_table(part).rows) == 4 * 2 * 2
    assert len(tables.flat_table(found).rows) == 4 * 36


def test_seeds_are_averaged(job: Job):
    made = with_ledger(job, lambda name, seed: 3.0 * seed)
    (part,) = build(across(made)).parts
    gltr = next(arm for arm in part.arms if arm.entry.group.name == "gltr")
    assert len(gltr.entry.group.runs) == 3
    plain = gltr.numbers["mAP"]["full", "trapezoid", "zero", "plain Euclid"]
    assert plain == pytest.approx(gltr.numbers["mAP"][OFFICIAL] - 4 + 3.0)  # mean of 0, 3 and 6


def test_orders_are_of_one_table_only(job: Job):
    """Plain distances put the weakest arm first; a job of another frame size shares no table with it."""
    made = with_ledger(job, lambda name, seed: 40.0 if name == "tsa" else 0.0)
    found = build(across(made))
    orders = orders_table(found)
    assert 1 <= len(orders.rows) <= 3
    assert all("tsa" in f"{row.cells[0]}{row.cells[3]}".lower() for row in orders.rows)
    said = " ".join(protocol_ledger_page.order_words(found))
    assert re.search(rf"\b{len(orders.rows)} changes? places between published ways", said)
    one = with_ledger(job)
    groups = tuple(group for group in one.groups if group.name == "gltr")
    alone_there = build(across(type(one)(**{**one.__dict__, "groups": groups})))
    assert "no order to change" in protocol_ledger_page.order_words(alone_there)[0]
    assert "No way of counting changes the order" in protocol_ledger_page.order_words(build(across(one)))[0]


def test_the_page_computes_what_it_says(job: Job):
    html = protocol_ledger_page.page(across(with_ledger(job)))
    assert "7.5 (7.5 to 7.5) points of mAP" in html
    for named in PUBLISHED:
        assert named.source.split(":")[0] in html
    assert "http" not in re.sub(r"http://www\.w3\.org\S*", "", html)
    names = {table.name for table in protocol_ledger_page.tables(across(with_ledger(job)))}
    linked = set(re.findall(r'href="([\w.-]+)\.csv"', html))
    assert linked <= names


def test_records_of_an_earlier_version_are_counted_not_shown(job: Job):
    found = build(across(job))
    assert found.parts == () and found.missing == 4
    html = protocol_ledger_page.page(across(job))
    assert "4 arms were recorded without a protocol ledger" in html and "No recorded arm holds" in html
    assert protocol_ledger_page.section(job) == {}


def test_the_section_of_a_paper_has_its_files(job: Job):
    section = protocol_ledger_page.section(with_ledger(job))
    names = [table.name for table in section["files"]]
    assert len(set(names)) == len(names)
    assert {table.name for table in (*section["named"], *section["full"], section["moves"])} <= set(names)
    assert any("One choice alone" in sentence for sentence in section["words"])


def a_record(job: Job) -> dict[str, Any]:
    return copy.deepcopy(with_ledger(job).by_name["gltr"].first)


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda ledger: ledger.clear(), "empty ledger"),
        (lambda ledger: ledger[3].pop("rank1"), r"ledger\[3\] lacks rank1"),
        (lambda ledger: ledger.append(dict(ledger[0])), "twice in its ledger"),
        (lambda ledger: ledger[0].update(valid_queries=161), "161 valid of 160 queries"),
        (lambda ledger: ledger[0].update(mAP=101.0), "expected percent"),
        (lambda ledger: [row.update(mAP=row["mAP"] + 0.5) for row in ledger], "must agree"),
        (lambda ledger: ledger.__setitem__(slice(None), ledger[24:]), "without its protocol's own way"),
        (lambda ledger: [row.update(rank1=None) for row in ledger], "must agree"),
    ],
)
def test_a_record_that_disagrees_with_itself_is_refused(job: Job, harm, says: str):
    record = a_record(job)
    check_result(record)
    harm(record["ledger"])
    with pytest.raises(ReportError, match=says):
        check_result(record)


def test_a_record_without_a_ledger_is_sound(job: Job):
    record = a_record(job)
    del record["ledger"]
    check_result(record)


def test_the_papers_own_page_shows_it_and_every_file_it_names_is_written(job: Job):
    composed = compose(with_ledger(job))
    page = composed.files["index.html"]
    assert "counted in other ways" in page and "The same descriptors, other conventions" not in page
    section = page[page.index('id="conventions"') : page.index("</section>", page.index('id="conventions"'))]
    linked = set(re.findall(r'href="([\w.-]+\.(?:csv|tex))"', section))
    assert len(linked) >= 2 * 4 and linked <= set(composed.files)
    assert "The same descriptors, other conventions" in compose(job).files["index.html"]
