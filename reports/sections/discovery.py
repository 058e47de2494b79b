"""Finding sections of a paper's page: ``SECTIONS`` of every ``section.py`` of this floor and of folders outside."""

from functools import cache
from pathlib import Path
from typing import Any

from files import plug_ins
from reports.errors import ReportError
from reports.render.table import Table
from reports.sections.interface import Section, SectionInput


def sections() -> tuple[Section, ...]:
    """Every section in the order of the page.

    Raises:
        ReportError: a module cannot be imported, states something else, or two sections share a name.
    """
    return _sections(plug_ins.outside_folders())


def tables(given: SectionInput) -> list[Table]:
    """The tables of all sections that have rows, for files."""
    return [table for section in sections() for table in section.tables(given) if table.rows]


def caveats(given: SectionInput) -> list[str]:
    """What all sections do not verify."""
    return [sentence for section in sections() for sentence in section.caveats(given)]


def facts(given: SectionInput) -> dict[str, Any]:
    """What all sections tell in the report's JSON."""
    return {name: value for section in sections() for name, value in section.facts(given).items()}


@cache
def _sections(outside: tuple[Path, ...]) -> tuple[Section, ...]:
    found: dict[str, Section] = {}
    try:
        stated = [
            *plug_ins.stated("reports", "SECTIONS", "section"),
            *plug_ins.stated("reports.sections", "SECTIONS", "section"),
            *plug_ins.stated_outside("SECTIONS", "section", outside),
        ]
    except ImportError as error:
        raise ReportError(str(error)) from error
    for where, those in stated:
        if not isinstance(those, tuple) or not all(isinstance(one, Section) for one in those):
            raise ReportError(f"{where} states {those!r} as its SECTIONS; expected a tuple of Section.")
        for one in those:
            if one.name in found:
                raise ReportError(f"{where} states a second section called {one.name!r}.")
            found[one.name] = one
    return tuple(sorted(found.values(), key=lambda one: (one.order, one.name)))
