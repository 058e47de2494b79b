"""Starts and findings of recorded arms, on their page and in its files."""

import dataclasses

import pytest

from reports.page_caveats import unverified
from reports.sections.results import provenance, tables
from reports.sections.results.start_column import starts_by_run, with_starts
from reports.store.arm import NOT_RECORDED, ArmRun, Group
from reports.store.job import Job
from runners.training.findings import STALLED
from tests.reports import fake


def group(name: str, *, start: str = "", findings: tuple[str, ...] = (), control: str | None = None) -> Group:
    runs = []
    for seed in (0, 1):
        arrays = fake.per_query(0.0, seed, name)
        record = fake.result(name, control, None, seed, arrays)
        if start:
            record["start"] = {"name": start, "sha256": "0" * 64, "fresh": []}
        for stage in record["stages"][:1]:
            stage["findings"] = list(findings)
        runs.append(ArmRun(f"{name}-{control}-{seed}", record, arrays, {}))
    return Group(name, tuple(runs))


@pytest.fixture
def job() -> Job:
    groups = (
        group("baseline", start="some-start"),
        group("gltr", start="scratch", findings=(STALLED,)),
        group("dtp"),
        group("colour", control="colour"),
    )
    return Job("reid/synthwalk/p", "parent", "uri", {}, fake.card(), {}, groups, True, "")


def test_each_row_shows_its_start_and_old_records_say_that_they_do_not_know(job: Job) -> None:
    found = dict(zip(tables.results(job).column("arm"), tables.results(job).column("start"), strict=True))
    assert list(found.values()) == ["some-start", "scratch", NOT_RECORDED, None]


def test_a_first_stage_speaks_for_a_record_that_does_not(job: Job) -> None:
    first = job.groups[2].runs[0]
    stages = [{**first.result["stages"][0], "start": {"name": "imagenet"}}, *first.result["stages"][1:]]
    one = dataclasses.replace(first, result={**first.result, "stages": stages})
    assert Group("dtp", (one,)).start == "imagenet"


def test_seeds_of_different_starts_are_both_named(job: Job) -> None:
    mixed = Group("gltr", (job.groups[0].runs[0], job.groups[1].runs[1]))
    assert mixed.start == "some-start, scratch"


def test_a_finding_stands_below_its_row_and_under_what_was_not_verified(job: Job) -> None:
    from reports.ledger.ledger import build_ledger

    notes = [row.note for row in tables.results(job).rows]
    assert notes == ["", f"{STALLED} (stage frames, seeds 0, 1).", "", ""]
    sentences = [one for one in unverified(job, build_ledger(job)) if "ln 2" in one]
    assert sentences == [f"What GLTR can do: {STALLED} (stage frames, seeds 0, 1)."]


def test_files_of_every_other_table_get_the_column_from_the_runs_of_their_rows(job: Job) -> None:
    starts = starts_by_run([job])
    made = with_starts(provenance.runs(job), starts)
    assert set(made.column("start")) == {"some-start", "scratch", NOT_RECORDED, None}
    assert "start" not in [column.key for column in made.visible().columns]
    assert with_starts(made, starts) is made
    results = tables.results(job)
    assert with_starts(results, starts) is results
