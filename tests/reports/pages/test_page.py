"""The page: complete, self-contained, well-formed, and the same bytes when built again."""

import csv
import dataclasses
import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from protocols.vocabulary import Gain
from reports import terminal
from reports.build import main, write
from reports.errors import ReportError
from reports.ledger.ledger import build_ledger
from reports.page import headline, paper_page
from reports.render.table import shown
from reports.sections.results.tables import results
from reports.sections.retrievals.section import strips
from reports.store.job import Job
from tests.reports.conftest import EXPERIMENT

VOID = {"meta", "br", "img", "link", "hr", "input", "path", "use", "rect", "line", "circle"}


class Structure(HTMLParser):
    """Checks that tags close in order, collects ids, links and what would be loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.anchors: list[str] = []  # that stay on the page
        self.files: list[str] = []  # that lie beside it
        self.sources: list[str] = []
        self.images_without_text = 0
        self.headings: list[int] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        if "id" in facts:
            self.ids.append(str(facts["id"]))
        for key in ("src", "srcset", "data", "poster", "action"):
            if key in facts:
                self.sources.append(str(facts[key]))
        if "href" in facts:
            (self.anchors if str(facts["href"]).startswith("#") else self.files).append(str(facts["href"]))
        if tag == "img" and not facts.get("alt"):
            self.images_without_text += 1
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
            self.open.pop()


@pytest.fixture(scope="module")
def page(job: Job) -> str:
    return paper_page(job, build_ledger(job))


@pytest.fixture(scope="module")
def structure(page: str) -> Structure:
    found = Structure()
    found.feed(page)
    found.close()
    return found


def test_tags_close_and_ids_are_unique(structure: Structure) -> None:
    assert structure.open == []
    assert len(structure.ids) == len(set(structure.ids))
    assert structure.images_without_text == 0


def test_headings_descend_one_level_at_a_time(structure: Structure) -> None:
    assert structure.headings[0] == 1
    assert structure.headings.count(1) == 1
    pairs = zip(structure.headings, structure.headings[1:], strict=False)
    assert all(after <= before + 1 for before, after in pairs)


def test_every_link_finds_its_target_on_the_page_or_beside_it(job: Job, structure: Structure, tmp_path: Path) -> None:
    assert {link[1:] for link in structure.anchors} <= set(structure.ids)
    assert set(structure.files) <= set(write(job, tmp_path)["files"])


def test_nothing_is_loaded_from_anywhere(page: str, structure: Structure) -> None:
    assert all(source.startswith("data:image/") for source in structure.sources)
    assert "://" not in page
    assert not re.search(r"url\((?!#)|@import|<script[^>]|<link|<iframe", page)
    assert page.count("<script>") == 1  # the one that sorts


def test_the_verdict_comes_first_and_every_number_is_there(job: Job, page: str) -> None:
    text = html.unescape(re.sub(r"<[^>]+>", " ", page))
    ledger = build_ledger(job)
    assert page.index('id="verdict"') < page.index('id="results"')
    assert headline(ledger) in text
    for claim in ledger.claims:
        assert claim.text in text
        assert claim.words in text
    table = results(job).visible()
    for row in table.rows:
        for column, cell in zip(table.columns, row.cells, strict=True):
            for part in re.findall(r"[\d.]+", shown(column, cell)):
                assert part in text
        for run_id in row.run_ids:
            assert run_id in page
    assert "78.47" in text  # published, Table 2
    assert job.tags["command"] in text


def test_the_same_store_gives_the_same_bytes(job: Job, tmp_path: Path) -> None:
    first, second = (write(job, tmp_path / name) for name in ("one", "two"))
    assert first["files"] == second["files"]
    for name in first["files"]:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == first["files"]


def test_csv_and_latex_of_every_table_hold_the_values_of_the_json(job: Job, tmp_path: Path) -> None:
    write(job, tmp_path)
    for table in json.loads((tmp_path / "tables.json").read_text()):
        with (tmp_path / f"{table['name']}.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        latex = (tmp_path / f"{table['name']}.tex").read_text()
        assert len(rows) == len(table["rows"])
        for written, true in zip(rows, table["rows"], strict=True):
            for key, value in true.items():
                if isinstance(value, dict):
                    ends = [value[end] for end in ("mean", "low", "high")]
                    assert [float(written[key + end]) for end in ("", "_low", "_high")] == ends
                    said = f", {value['verdict']}" if "verdict" in value else ""
                    sign = "+" if said else ""  # a difference
                    mean, low, high = (f"{end:{sign}.1f}".replace("-", "$-$") for end in ends)
                    assert f"{mean} {{\\scriptsize [{low}, {high}]{said}}}" in latex
                elif isinstance(value, float):
                    assert float(written[key]) == value


def test_text_from_a_card_is_escaped(job: Job) -> None:
    card = job.card | {"title": "<script>alert(1)</script> & co"}
    page = paper_page(dataclasses.replace(job, card=card), build_ledger(job))
    assert page.count("<script") == 1
    assert "&lt;script&gt;" in page


def test_a_picture_from_elsewhere_is_refused(job: Job) -> None:
    group = next(group for group in job.groups if group.runs[0].strips["rows"])
    strips_json = json.loads(json.dumps(group.runs[0].strips))
    strips_json["rows"][0]["top"][0]["image"] = "http://example.org/x.jpg"
    bad = dataclasses.replace(group, runs=(dataclasses.replace(group.runs[0], strips=strips_json),))
    with pytest.raises(ReportError, match="data URI"):
        strips(dataclasses.replace(job, groups=(bad,)))


def test_the_page_says_what_was_not_verified(job: Job, page: str) -> None:
    section = page[page.index('id="unverified"') :]
    assert "they are of MARS" in section
    assert "embedded profile" in section
    assert "tsa-beats-baseline" in section  # its controls were not run
    one_seed = tuple(
        dataclasses.replace(group, runs=group.runs[:1]) for group in job.groups if group.control != "colour"
    )
    fewer = dataclasses.replace(job, groups=one_seed, finished=False)
    section = paper_page(fewer, build_ledger(fewer)).partition('id="unverified"')[2]
    assert "one seed" in section
    assert "colour sanity row was not run" in section
    assert "has not finished" in section


def test_claims_whose_arms_were_not_run_are_listed_apart(job: Job) -> None:
    extra = job.card["claims"][0] | {"id": "extra", "text": "Five branches beat three.", "arm": "gltr[branches=5]"}
    more = dataclasses.replace(job, card=job.card | {"claims": [*job.card["claims"], extra]})
    ledger = build_ledger(more)
    page = paper_page(more, ledger)
    assert "1 more claim of the paper, not judged here" in page
    counted = "two of four claimed gains that were measured are reproduced, one is not reproduced and one is undecided"
    assert headline(ledger) == f"On SynthWalk, {counted}."
    nothing = dataclasses.replace(ledger, claims=ledger.claims[-1:])
    assert "None of the paper's claims was judged" in headline(nothing)


def test_the_terminal_shows_what_the_page_shows(job: Job, tmp_path: Path) -> None:
    built = json.loads(json.dumps(write(job, tmp_path)))
    text = terminal.page(built, width=100)
    table = results(job).only(terminal.COLUMNS)
    assert table.as_text() in text
    assert "NOT REPRODUCED  Temporal self-attention alone beats averaging frames." in text
    assert "SynthWalk, the drawn data set" in text
    assert max(len(line) for line in text[len(table.as_text()) :].splitlines() if "index.html" not in line) <= 100


def test_a_job_without_strips_conventions_and_cost_still_gives_a_page(job: Job) -> None:
    bare = []
    for group in job.groups:
        runs = tuple(
            dataclasses.replace(
                run,
                strips={"rows": []},
                result=run.result | {"conventions": [], "cost": {}, "stages": [], "slices": {}},
            )
            for run in group.runs
        )
        bare.append(dataclasses.replace(group, runs=runs))
    stripped = dataclasses.replace(job, groups=tuple(bare), card=job.card | {"claims": [], "published": []})
    page = paper_page(stripped, build_ledger(stripped))
    Structure().feed(page)
    assert 'id="strips"' not in page
    assert "makes no claim" in page


@pytest.mark.parametrize(
    ("gains", "sentence"),
    [
        (["reproduced"], "On SynthWalk, the paper's claim is reproduced."),
        (["undecided"], "On SynthWalk, the paper's claim is undecided."),
        (["reproduced", "reproduced"], "On SynthWalk, two of two claimed gains are reproduced."),
        (["not reproduced"] * 3, "On SynthWalk, three of three claimed gains are not reproduced."),
        (
            ["reproduced", "not reproduced"],
            "On SynthWalk, one of two claimed gains is reproduced and one is not reproduced.",
        ),
        (["undecided"] * 2, "On SynthWalk, all two claimed gains are undecided."),
    ],
)
def test_the_headline_counts_gains(job: Job, gains: list[Gain], sentence: str) -> None:
    ledger = build_ledger(job)
    claims = tuple(dataclasses.replace(ledger.claims[0], gain=gain) for gain in gains)
    assert headline(dataclasses.replace(ledger, claims=claims)) == sentence


def test_one_seed_is_the_headline_where_it_is_all_that_there_is(job: Job) -> None:
    single = tuple(dataclasses.replace(group, runs=group.runs[:1]) for group in job.groups)
    ledger = build_ledger(dataclasses.replace(job, groups=single))
    assert headline(ledger) == (
        "On SynthWalk, all four claimed gains are undecided: one seed says nothing of training noise; run --seeds 3."
    )


def test_command_builds_prints_json_and_answers_bad_input(
    recorded: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--experiment", EXPERIMENT, "--tracking-uri", recorded, "--out", str(tmp_path / "out")]
    assert main([*arguments, "--paper", "gltr", "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert done["gains"]["gltr-beats-baseline"] == "reproduced"
    assert (tmp_path / "out" / "index.html").is_file()

    assert main(["--experiment", "reid/synthwalk/res50", "--tracking-uri", recorded]) == 2
    assert main(["--experiment", EXPERIMENT, "--tracking-uri", f"sqlite:///{tmp_path}/none.db"]) == 3
    (tmp_path / "file").touch()
    assert main([*arguments[:-1], str(tmp_path / "file" / "below")]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 3
    assert all(line.startswith("reports.build: ") for line in errors)
