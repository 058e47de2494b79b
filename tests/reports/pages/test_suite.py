"""All pages at once: complete, linked, whole or not at all, and readable in a browser."""

import csv
import html
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reports.build import main
from reports.comparison.unrun_papers import unrun_cards
from reports.errors import ReportError
from reports.render.write import write_files
from reports.store import evidence_files
from reports.suite import MANIFEST, build_suite
from runners.tracking.mlflow_writer import open_store
from tests.reports import fake, fake_many
from tests.reports.pages.browser import Page
from tests.reports.pages.test_page import Structure

MAIN = ("index.html", "comparison.html", "claims.html", "protocols.html")


@pytest.fixture(scope="module")
def built(many: tuple[str, dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("suite")
    (out / "notes.txt").write_text("of somebody else")
    return out, build_suite(out, many[0])


def _structure(file: Path) -> Structure:
    found = Structure()
    found.feed(file.read_text(encoding="utf-8"))
    found.close()
    return found


def test_plain_data_for_a_terminal_name_tables_claims_and_pages(built: tuple[Path, dict[str, Any]]) -> None:
    out, told = built
    assert json.loads(json.dumps(told)) == told
    assert told["index"] == str(out / "index.html")
    assert [len(table["rows"]) for table in told["comparison"]["tables"]] == [5, 3, 3]
    assert told["comparison"]["tables"][0]["rank"]["alpha/alpha"] == 1
    assert told["claims"]["counts"]["alpha"]["reproduced"] == 1  # the others have one seed
    assert (told["runs"], told["jobs"], told["left_out"]) == (22, 4, {"unfinished": 1})
    assert (out / "notes.txt").read_text() == "of somebody else"


def test_every_file_that_is_named_is_there_and_nothing_half_written(built: tuple[Path, dict[str, Any]]) -> None:
    out, told = built
    there = {file.relative_to(out).as_posix() for file in out.rglob("*") if file.is_file()}
    assert set(told["files"]) | {"notes.txt"} == there
    assert not [name for name in there if "partial" in name]


@pytest.mark.parametrize("name", MAIN)
def test_pages_are_well_formed_and_their_links_lead_somewhere(built: tuple[Path, dict[str, Any]], name: str) -> None:
    out, _ = built
    found = _structure(out / name)
    assert found.open == []
    assert len(found.ids) == len(set(found.ids))
    assert found.headings[0] == 1
    assert all(after <= before + 1 for before, after in zip(found.headings, found.headings[1:], strict=False))
    ids = {"": set(found.ids)}
    for link in found.anchors:
        place, _, anchor = link.partition("#")
        assert not place or (out / place).is_file(), link
        if place.endswith(".html") and place not in ids:
            ids[place] = set(_structure(out / place).ids)
        assert not anchor or anchor in ids[place], link


@pytest.mark.parametrize("name", MAIN)
def test_nothing_is_loaded_from_anywhere(built: tuple[Path, dict[str, Any]], name: str) -> None:
    out, _ = built
    page = (out / name).read_text(encoding="utf-8")
    assert not _structure(out / name).sources
    assert not re.search(r"url\((?!#)|@import|<script src|<link|<iframe|https?://", page)


def test_every_table_of_a_page_is_there_as_csv_and_latex(built: tuple[Path, dict[str, Any]]) -> None:
    out, told = built
    for name in MAIN:
        for table in re.findall(r'<table id="table-([^"]+)"', (out / name).read_text(encoding="utf-8")):
            if table == "overview":  # counts of claims.json
                continue
            rows = list(csv.reader(io.StringIO((out / f"{table}.csv").read_text(encoding="utf-8"))))
            assert len({len(row) for row in rows}) == 1
            assert "\\toprule" in (out / f"{table}.tex").read_text(encoding="utf-8")
    assert "claims.csv" in told["files"]


def test_strata_never_share_a_table_on_the_page(built: tuple[Path, dict[str, Any]]) -> None:
    out, told = built
    page = (out / "comparison.html").read_text(encoding="utf-8")
    sections = re.split(r"<section ", page)
    for table in told["comparison"]["tables"]:
        (own,) = [part for part in sections if f'id="table-{table["name"]}"' in part]
        assert own.count("<table id=") == 1
    assert "never ranked together" in page
    assert "not comparable" in page


def test_numbers_lead_to_their_run_and_their_command(built: tuple[Path, dict[str, Any]]) -> None:
    out, told = built
    page = (out / "comparison.html").read_text(encoding="utf-8")
    for table in told["comparison"]["tables"]:
        for row in table["rows"]:
            for run in row["run_ids"]:
                (href,) = set(re.findall(rf'href="(papers/[^"]+#run-{run})"', page))
                place, _, anchor = href.partition("#")
                assert f'id="{anchor}"' in (out / place).read_text(encoding="utf-8")
            assert html.escape(row["command"]) in page


def test_what_was_left_out_stands_on_the_index_with_its_reason(
    built: tuple[Path, dict[str, Any]], many: tuple[str, dict[str, str]]
) -> None:
    page = (built[0] / "index.html").read_text(encoding="utf-8")
    assert "1 unfinished" in page
    assert many[1]["beta, unfinished"][:8] in page
    assert "has not finished" in page


def test_the_same_store_gives_the_same_bytes(
    built: tuple[Path, dict[str, Any]], many: tuple[str, dict[str, str]], tmp_path: Path
) -> None:
    out, told = built
    build_suite(tmp_path, many[0])
    for name in told["files"]:
        assert (tmp_path / name).read_bytes() == (out / name).read_bytes(), name


def test_a_page_that_a_job_left_is_linked_and_not_built_again(uri: str, tmp_path: Path) -> None:
    fake_many.job(open_store(uri), "alpha", {("mean", None, None): 0.0}, seeds={"mean": (0,)})
    experiment = "reid/synthwalk/res50-rgb-single-pass"
    assert main(["--experiment", experiment, "--tracking-uri", uri, "--out", str(tmp_path / "alpha-here")]) == 0
    told = build_suite(tmp_path, uri)
    assert list(told["pages"].values()) == [str(tmp_path / "alpha-here/index.html")]
    assert not (tmp_path / "papers").exists()
    ledger = tmp_path / "alpha-here/ledger.json"
    ledger.write_text(ledger.read_text().replace('"note"', '"other"'))  # no longer what the store says
    told = build_suite(tmp_path, uri)
    assert list(told["pages"].values()) == [str(tmp_path / "papers/alpha-synthwalk-res50-rgb-single-pass/index.html")]


def test_files_of_an_earlier_suite_go_and_others_stay(uri: str, tmp_path: Path) -> None:
    store = open_store(uri)
    for budget in ("full", "quick"):
        fake_many.job(store, "alpha", {("mean", None, None): 0.0}, seeds={"mean": (0,)}, budget=budget)
    build_suite(tmp_path, uri)
    quick = tmp_path / "papers/alpha-synthwalk-res50-rgb-single-pass-quick/index.html"
    assert quick.is_file()
    (quick.parent / "mine.txt").write_text("kept")
    parent = next(p for p in json.loads((tmp_path / MANIFEST).read_text())["made_of"])
    told = build_suite(tmp_path, uri, [parent])
    gone = {file.name for file in tmp_path.glob("comparison_*.csv")}
    assert len(gone) == len(told["comparison"]["tables"]) == 1
    assert (quick.parent / "mine.txt").is_file()


def test_a_folder_that_cannot_be_written_is_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")
    (tmp_path / "b").write_text("a file where a folder is needed")
    with pytest.raises(ReportError, match="cannot be written"):
        write_files(tmp_path, {"a.txt": "new", "b/c.txt": "new"})
    assert (tmp_path / "a.txt").read_text() == "old"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.txt", "b"]


def test_the_command_builds_all_and_answers_bad_input_with_one_sentence(
    many: tuple[str, dict[str, str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--all", "--tracking-uri", many[0], "--paper", "beta", "--out", str(tmp_path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert list(told["claims"]["counts"]) == ["beta"]
    assert main(["--all", "--tracking-uri", many[0], "--paper", "bata", "--out", str(tmp_path)]) == 2
    assert "did you mean beta" in capsys.readouterr().err
    assert main(["--tracking-uri", many[0]]) == 2
    assert "add --all" in capsys.readouterr().err
    assert main(["--all", "--tracking-uri", fake.fresh(tmp_path / "none")]) == 3


def test_cards_of_papers_never_run_are_read_as_data(tmp_path: Path) -> None:
    assert {"gltr", "cosam", "tkp", "vrstc", "adfd"} <= set(unrun_cards())
    assert all(card["claims"] for key, card in unrun_cards().items() if key != "baseline")
    assert unrun_cards(None) == unrun_cards(tmp_path) == {}
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/paper.toml").write_text("paper = [")
    with pytest.raises(ReportError, match=r"bad/paper\.toml"):
        unrun_cards(tmp_path)


def test_evidence_says_its_device_or_that_it_cannot_be_read(tmp_path: Path) -> None:
    told = {"device": {"name": "NVIDIA H100"}, "started": "2026-01-31T10:00", "state": "whole", "command": "make it"}
    (tmp_path / "one.json").write_text(json.dumps(told))
    (tmp_path / "two.json").write_text("{")
    one, two = evidence_files.kept(tmp_path)
    assert one == evidence_files.Kept("one.json", "NVIDIA H100", "2026-01-31T10:00", "whole", "make it")
    assert two.device.startswith("cannot be read")
    assert evidence_files.kept(tmp_path / "none") == []


@pytest.fixture
def shown(built: tuple[Path, dict[str, Any]], open_page: Callable[..., Page]) -> Iterator[Callable[..., Page]]:
    yield lambda name, **options: open_page(built[0] / name, **options)


@pytest.mark.parametrize("name", MAIN)
@pytest.mark.parametrize("dark", [False, True])
def test_in_a_browser_no_page_complains_or_scrolls_sideways_at_390_pixels(
    shown: Callable[..., Page], name: str, dark: bool
) -> None:
    page = shown(name, width=390, dark=dark)
    assert page.problems() == []
    assert page.run("document.documentElement.scrollWidth") <= 390
    page.show(1280, dark)
    assert page.run("document.documentElement.scrollWidth") <= 1280


def test_in_a_browser_the_table_of_comparison_sorts_and_its_floor_stays_last(
    shown: Callable[..., Page], built: tuple[Path, dict[str, Any]]
) -> None:
    page = shown("comparison.html")
    table = f"#table-{built[1]['comparison']['tables'][0]['name']}"
    names = f"[...document.querySelectorAll('{table} tbody th')].map(e => e.textContent.trim())"
    assert page.run(names)[0] == "Alpha"
    page.click(f"{table} thead th:nth-child(1) button")
    found = page.run(names)
    assert found[:-1] == sorted(found[:-1])
    assert found[-1] == "Stripe colours"
    assert page.problems() == []


def test_in_a_browser_a_claim_of_the_table_leads_to_its_words(shown: Callable[..., Page]) -> None:
    page = shown("claims.html")
    page.run("document.querySelector('#table-claims_table tbody th a').click()")
    target = page.run("decodeURIComponent(location.hash.slice(1))")
    assert target.startswith("claim-")
    assert page.run(f"document.getElementById('{target}') !== null")
