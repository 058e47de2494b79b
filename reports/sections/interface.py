"""What a section of a paper's page is: what it shows, its tables as files, and what it must admit.

A ``section.py`` in a folder of this room states its sections in one constant, ``SECTIONS``, where
`reports.sections.discovery` finds them. The page goes through all that are found and names none.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reports.ledger.ledger import Ledger
from reports.render.table import Table
from reports.sections.results.slices import Sliced
from reports.store.job import Job

AFTER_RESULTS = 125  # place of a section that does not say where it stands: below all that was measured


@dataclass(frozen=True)
class SectionInput:
    """What a section is made of.

    Attributes:
        job: what was recorded.
        ledger: its claims.
        slices: attributes of the queries that were asked for.
    """

    job: Job
    ledger: Ledger
    slices: Sequence[Sliced] = ()


def _nothing(given: SectionInput) -> tuple[()]:
    return ()


def _no_facts(given: SectionInput) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Section:
    """One section.

    Attributes:
        name: its anchor on the page.
        heading: for the navigation, and as its head under the common template.
        show: what its template needs; empty for a job that it says nothing of. The common template takes ``words``
            (sentences) and ``tables``.
        order: place on the page, from the smallest.
        template: file in ``reports/templates``, or the path of one elsewhere.
        tables: all its tables, for files; those without rows are left out.
        caveats: sentences on what it does not verify.
        facts: plain data that the report's JSON tells of it.
    """

    name: str
    heading: str
    show: Callable[[SectionInput], Mapping[str, Any]]
    order: int = AFTER_RESULTS
    template: str | Path = "section.html.j2"
    tables: Callable[[SectionInput], Sequence[Table]] = _nothing
    caveats: Callable[[SectionInput], Sequence[str]] = _nothing
    facts: Callable[[SectionInput], Mapping[str, Any]] = _no_facts
