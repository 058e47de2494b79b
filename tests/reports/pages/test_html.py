"""What all pages share: where a number is from, and what a column sorts by."""

import dataclasses
import re

import pytest

from reports import html
from reports.ledger.ledger import build_ledger
from reports.page import paper_page
from reports.render.table import Cell, Column, Estimate, Row, Table
from reports.store.job import Job

RUN = "0123456789abcdef0123456789abcdef"


def shown(table: Table, **origins: html.Origin) -> str:
    """A page with one table."""
    template = html.environment().from_string(
        '{% extends "base.html.j2" %}{% from "macros.html.j2" import data_table with context %}'
        "{% block main %}{{ data_table(table) }}{% endblock %}"
    )
    return html.render(template, title="t", kind="k", heading="h", origins=origins, table=table)


def test_runs_of_a_file_store_are_rows_of_the_papers_page(job: Job) -> None:
    page = paper_page(job, build_ledger(job))
    for run_id, origin in html.origins(job).items():
        assert origin.href == ("#again" if run_id == job.parent_id else f"#run-{run_id}")
        assert f'id="{origin.href[1:]}"' in page
    elsewhere = html.origins(job, "papers/gltr.html")
    assert {one.href.partition("#")[0] for one in elsewhere.values()} == {"papers/gltr.html"}


def test_runs_of_a_server_are_pages_of_the_server(job: Job) -> None:
    served = dataclasses.replace(job, uri="http://host:5000/", experiment_id="7")
    run = job.groups[0].runs[0]
    href = f"http://host:5000/#/experiments/7/runs/{run.run_id}"
    assert html.origins(served)[run.run_id].href == href
    assert f'href="{href}"' in paper_page(served, build_ledger(served))
    assert html.server_page("sqlite:///mlflow.db", "7", RUN) == ""
    assert html.server_page("https://host", "", RUN) == ""  # an experiment that nobody knows has no page


def test_a_table_tells_each_run_and_each_command_once() -> None:
    origins = {
        RUN: html.Origin("#a", "GLTR, seed 0", "python -m runners.reproduce --paper gltr"),
        "b" * 32: html.Origin("#b", "GLTR, seed 1", "python -m runners.reproduce --paper gltr"),
    }
    rows = (Row(("x",), run_ids=(RUN,)), Row(("y",), run_ids=(RUN, "b" * 32)))
    page = shown(Table("one", "One", (Column("a", "A"),), rows), **origins)
    told = page[page.index('<details class="from">') :].partition("</details>")[0]
    assert "2 runs, command, CSV, LaTeX" in told
    assert told.count("python -m runners.reproduce --paper gltr") == 1
    assert re.findall(r'href="([^"]+)"', told) == ["#a", "#b", "one.csv", "one.tex"]


def test_a_run_of_unknown_origin_is_an_error_not_a_dead_link() -> None:
    from jinja2 import UndefinedError

    with pytest.raises(UndefinedError):
        shown(Table("one", "One", (Column("a", "A"),), (Row(("x",), run_ids=(RUN,)),)))


@pytest.mark.parametrize(
    ("cell", "key"),
    [(None, ""), (Estimate(12.345678, 0, 99), "12.345678"), (-0.5, "-0.5"), (7, "7"), ("raw", "raw")],
)
def test_cells_sort_by_what_they_are_not_by_how_they_look(cell: Cell, key: str) -> None:
    assert html.sort_key(cell) == key


def test_table_data_keeps_its_runs_through_json() -> None:
    table = Table("one", "One", (Column("a", "A"),), (Row(("x",)), Row(("y",), run_ids=("c",))), ("note",), ("a", "b"))
    assert Table.from_dict(table.as_dict()) == table
    assert table.runs() == ("c", "a", "b")
    assert table.as_csv().splitlines() == ["a,run_ids", "x,a b", "y,c"]
