"""What is recorded, and what must hold in it. Kinds of results are found here, not listed.

A module of this folder that states a ``KIND`` is one, and so is ``record.py`` of a folder outside the suite.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from files import plug_ins
from reports.errors import ReportError
from reports.records.interface import RecordKind


def kinds() -> Mapping[str, RecordKind[Any]]:
    """Every kind of result by name, in the order in which they say that they stand.

    Raises:
        ReportError: a module cannot be imported, its ``KIND`` is none or of another name than its file's, or two kinds
            share a name or a file.
    """
    return _kinds(plug_ins.outside_folders())


def kinds_of_arms() -> tuple[RecordKind[Any], ...]:
    """The kinds that an arm records beside its result."""
    return tuple(kind for kind in kinds().values() if kind.per == "arm")


def kinds_of_jobs() -> tuple[RecordKind[Any], ...]:
    """The kinds that are recorded once for a whole job."""
    return tuple(kind for kind in kinds().values() if kind.per == "job")


@cache
def _kinds(outside: tuple[Path, ...]) -> Mapping[str, RecordKind[Any]]:
    try:
        own = [(where.rpartition(".")[2], where, kind) for where, kind in plug_ins.stated("reports.records", "KIND")]
        others = plug_ins.stated_outside("KIND", "record", outside)
        own += [(_folder(where, outside), where, kind) for where, kind in others]
    except ImportError as error:
        raise ReportError(str(error)) from error
    found: dict[str, RecordKind[Any]] = {}
    for name, where, kind in own:
        if not isinstance(kind, RecordKind):
            raise ReportError(f"{where} holds {kind!r} as its KIND; expected `KIND = RecordKind(...)`.")
        if kind.name != name:
            raise ReportError(f"{where} holds a kind that calls itself {kind.name!r}; expected {name!r}: rename one.")
        if kind.name in found or kind.stem in {one.stem for one in found.values()}:
            raise ReportError(f"{where} holds a second kind called {kind.name!r} or recorded as {kind.stem}.json.")
        found[kind.name] = kind
    return dict(sorted(found.items(), key=lambda item: (item[1].order, item[0])))


def _folder(where: str, outside: tuple[Path, ...]) -> str:
    package = where.rpartition(".")[0]
    return next(folder.name for folder in outside if plug_ins.package_of(folder) == package)
