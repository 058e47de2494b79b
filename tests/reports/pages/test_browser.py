"""The pages of papers in a real browser: nothing is cut off, collides, fades or fails; tables sort; links lead on."""

from collections.abc import Callable
from pathlib import Path

import pytest

from reports import html as design
from reports.render.table import Column, Estimate, Row, Table
from tests.reports.pages.browser import Page
from tests.reports.pages.page_faults import OPEN, PRINTED, faults

JOBS = ("job", "tkp_job", "cosam_job", "vrstc_job", "adfd_job", "choices_job")


@pytest.mark.parametrize("of", JOBS)
def test_every_page_fits_is_legible_and_leads_somewhere(
    of: str, reported: Callable[[str], Path], open_page: Callable[..., Page]
) -> None:
    assert faults(open_page(reported(of) / "index.html")) == []


def test_the_watchers_see_what_they_watch_for(tmp_path: Path, open_page: Callable[..., Page]) -> None:
    words = "".join(f"<p>word {at}</p>" for at in range(60))
    (tmp_path / "bad.html").write_text(
        f"<!DOCTYPE html><meta name='viewport' content='width=device-width'><body style='background:#fff'>{words}"
        "<p style='color:#999'>pale</p><a href='#none'>lost</a><p style='width:900px'>wide</p><figure aria-label='f'>"
        "<svg viewBox='0 0 100 20' width='100'><text y='15' font-size='9'>one</text>"
        "<text x='3' y='14' font-size='9'>two</text><text x='95' y='15' font-size='9'>outside</text></svg></figure>"
        "<script>console.error('oh'); fetch('http://127.0.0.1:9/').catch(() => 0); undefined.x</script></body>"
    )
    found = faults(open_page(tmp_path / "bad.html"))
    for fault in (
        "lost: #none", "1280 light, pale: 2.85: pale", "1280, collides: f: leaves: outside",
        "390, collides: f: one on two", "print, cut: P  wide", "request: http://127.0.0.1:9/", "console: ['oh']",
    ):  # fmt: skip
        assert fault in found
    assert any("390, " in one and "too wide" in one for one in found)
    assert any("TypeError" in one for one in found)


TABLE = Table(
    "sorted", "To sort",
    (Column("arm", "Arm"), Column("map", "mAP", "estimate"), Column("cost", "Cost", "number", signed=True)),
    (
        Row(("item 10", Estimate(9.5, 1, 99), 100), "proposed"),
        Row(("item 9", Estimate(10.25, 0, 11), -3), "", note="a note on item 9"),
        Row(("Zebra", None, None)),
        Row(("apple", 10.25, 2), "shuffled"),
        Row(("published", 99.0, None), "published"),
        Row(("colour", Estimate(-1.5, -2, 1), 7), "colour"),
        Row(("spread", 0.5, 0), "spread"),
    ),
)  # fmt: skip
PRINTED_ORDER = ["item 10", "item 9", "note", "Zebra", "apple", "published", "colour", "spread"]
BY_MAP = {
    "descending": ["item 9", "note", "apple", "published", "item 10", "colour", "Zebra", "spread"],
    "ascending": ["colour", "item 10", "item 9", "note", "apple", "published", "Zebra", "spread"],
    None: PRINTED_ORDER,
}
BY_COST = ["item 10", "colour", "apple", "published", "item 9", "note", "Zebra", "spread"]
BY_NAME = ["apple", "published", "colour", "item 9", "note", "item 10", "Zebra", "spread"]
ORDER = """[...document.querySelectorAll('#table-sorted tbody tr')]
  .map((row) => row.matches('.note') ? 'note' : row.cells[0].textContent)"""


@pytest.fixture
def sortable(tmp_path: Path) -> Path:
    """A page with one table, folded."""
    template = design.environment().from_string(
        '{% extends "base.html.j2" %}{% from "macros.html.j2" import data_table with context %}'
        "{% block main %}<details open><summary>Table</summary>{{ data_table(table, false) }}</details>{% endblock %}"
    )
    html = design.render(template, title="t", kind="k", heading="h", origins={}, table=TABLE)
    (tmp_path / "table.html").write_text(html, encoding="utf-8")
    return tmp_path / "table.html"


def head(place: int) -> str:
    """Selector of the button in a column's head."""
    return f"#table-sorted thead th:nth-child({place}) button"


@pytest.mark.parametrize("by", ["click", "Enter", " "])
def test_a_head_sorts_down_up_and_back(by: str, sortable: Path, open_page: Callable[..., Page]) -> None:
    page = open_page(sortable)
    assert page.run(ORDER) == PRINTED_ORDER
    page.run(f"document.querySelector('{head(2)}').focus()")
    for state, expected in BY_MAP.items():
        if by == "click":
            page.click(head(2))
        else:
            page.press(by)
        assert page.run("document.querySelector('th[aria-sort]')?.getAttribute('aria-sort') ?? null") == state
        assert page.run(ORDER) == expected
    assert page.problems() == []


def test_numbers_sort_by_value_and_text_by_its_numbers(sortable: Path, open_page: Callable[..., Page]) -> None:
    page = open_page(sortable, width=390)
    page.click(head(3))
    assert page.run(ORDER) == BY_COST
    page.click(head(1))
    assert page.run(ORDER) == BY_NAME
    assert page.run("document.querySelectorAll('[aria-sort]').length") == 1


def test_heads_are_reached_by_the_keyboard(sortable: Path, open_page: Callable[..., Page]) -> None:
    page = open_page(sortable)
    reached = []
    for _ in range(8):
        page.press("Tab")
        reached.append(page.run("document.activeElement.closest('th')?.textContent ?? document.activeElement.tagName"))
    assert [one for one in reached if one in ("Arm", "mAP", "Cost")] == ["Arm", "mAP", "Cost"]


def test_print_shows_the_order_and_no_arrow(sortable: Path, open_page: Callable[..., Page]) -> None:
    page = open_page(sortable)
    page.click(head(2))
    arrow = "getComputedStyle(document.querySelector('[aria-sort] button'), '::after').content"
    assert "↓" in page.run(arrow)
    page.show(PRINTED, media="print")
    assert page.run(arrow) == "none"
    assert page.run(ORDER) == BY_MAP["descending"]


def test_without_scripts_the_page_reads_the_same(sortable: Path, open_page: Callable[..., Page]) -> None:
    page = open_page(sortable)
    spoken = "[...document.querySelectorAll('#table-sorted tr')].map((row) => row.innerText)"
    with_scripts = page.run(spoken)
    page = open_page(sortable, script=False)
    assert page.run(spoken) == with_scripts
    assert page.run("document.querySelectorAll('th button').length") == 0


def test_every_table_of_a_real_page_sorts_by_its_last_numbers(
    reported: Callable[[str], Path], open_page: Callable[..., Page]
) -> None:
    page = open_page(reported("choices_job") / "index.html")
    page.run(OPEN)
    unsorted = page.run("""[...document.querySelectorAll('table.sortable')].filter((table) => {
      const heads = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
      const at = heads.findLastIndex((one) => one.matches('.number, .estimate'));
      if (at < 0) return false;
      heads[at].querySelector('button').click();
      const found = [...table.querySelectorAll('tbody tr:not(.note)')].map((row) => row.cells[at].dataset.sort);
      const numbers = found.filter((one) => one !== '').map(Number);
      const last = found.slice(numbers.length).every((one) => one === '');
      return !last || numbers.some((one, place) => place && one > numbers[place - 1]);
    }).map((table) => table.id)""")
    assert unsorted == []
    assert page.problems() == []
