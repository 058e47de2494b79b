"""What all report pages share: the template environment, style and script, and where each number is from.

A page is a template that extends ``base.html.j2`` and fills its block ``main``; :func:`render` gives it the rest.
Tables are shown by the macro ``data_table`` of ``macros.html.j2``, which makes them sortable and tells their runs.
"""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from reports.render.estimate import estimate
from reports.render.table import Cell, Column, Estimate, Marked, number, shown
from reports.store.job import Job

TEMPLATES = Path(__file__).parent / "templates"
SCRIPTS = ("sort.js", "reveal.js")
SYMBOLS = {
    **dict.fromkeys(("holds", "reproduced", "supported", "passed"), "✓"),
    **dict.fromkeys(("does not hold", "not reproduced", "not supported", "failed"), "✗"),
    **dict.fromkeys(("cannot tell", "undecided"), "?"),
    **dict.fromkeys(("cannot apply", "not run"), "–"),
}
"""Before the answer to a question."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a number is from: ``href`` leads to the run, ``label`` names it, ``command`` makes it again."""

    href: str
    label: str
    command: str


class Shown(Protocol):
    """What `fragment` asks of a section."""

    @property
    def name(self) -> str:
        """Its anchor."""

    @property
    def heading(self) -> str:
        """Its head."""

    @property
    def template(self) -> str | Path:
        """File in `TEMPLATES`, or the path of one elsewhere."""


@cache
def environment() -> Any:
    """The template environment; an undefined name in a template is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    found = Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, autoescape=True, trim_blocks=False
    )
    found.globals |= {
        "zip": zip,
        "number": number,
        "shown": shown,
        "symbols": SYMBOLS,
        "quoted": shlex.quote,
        "accuracy": estimate,
        "sort_key": sort_key,
        "unique": unique,
        "commands": commands,
        "points": Column("", ""),
        "gained": Column("", "", signed=True),
    }
    return found


def render(
    template: Any,
    *,
    title: str,
    kind: str,
    heading: str,
    origins: Mapping[str, Origin],
    subtitle: str = "",
    facts: Sequence[tuple[str, str]] = (),
    sections: Sequence[tuple[str, str]] = (),
    pages: Sequence[tuple[str, str]] = (),
    skip: str = "Skip to the content",
    **context: Any,
) -> str:
    """A page as HTML text that loads nothing from elsewhere.

    Args:
        template: file in ``templates`` that extends ``base.html.j2``, or such a template itself.
        title: of the window, without the suite's name.
        kind: what sort of page it is, beside the suite's name.
        heading: of the page.
        origins: run id -> where it is recorded, for all runs that tables of the page name.
        subtitle: a quiet line below the heading.
        facts: term and value, below that.
        sections: anchor and name, for the navigation; each anchor is the id of a section.
        pages: href and name of the other pages of the same folder.
        skip: text of the link for keyboard users that jumps over the head.
        context: whatever else the template names.
    """
    from markupsafe import Markup

    html: str = environment().get_template(template).render(
        css=Markup((TEMPLATES / "page.css").read_text(encoding="utf-8")),
        script=Markup("\n".join((TEMPLATES / name).read_text(encoding="utf-8") for name in SCRIPTS)),
        title=title, kind=kind, heading=heading, origins=origins, subtitle=subtitle, facts=facts, sections=sections,
        pages=pages, skip=skip, **context,
    )  # fmt: skip
    return html


def fragment(section: Shown, origins: Mapping[str, Origin], context: Mapping[str, Any]) -> Any:
    """A section as HTML, ready to be set into a page.

    Args:
        section: what is shown; its template has all macros.
        origins: run id -> where it is recorded.
        context: what the template names.
    """
    from markupsafe import Markup

    place = section.template
    if isinstance(place, Path):
        place = environment().from_string(place.read_text(encoding="utf-8"))
    found = environment().get_template("fragment.html.j2")
    return Markup(found.render(template=place, section=section, origins=origins, **context).strip("\n"))


def origins(job: Job, page: str = "") -> dict[str, Origin]:
    """The origin of each run of a job and of itself: on its tracking server, else on its paper's page.

    Args:
        job: what was recorded.
        page: href of the paper's page; empty on that page itself.
    """
    parent = server_page(job.uri, job.experiment_id, job.parent_id) or f"{page}#again"
    command = str(job.tags.get("command", job.any_result["command"]))
    found = {job.parent_id: Origin(parent, "the job itself", command)}
    for group in job.groups:
        for run in (part for one in group.runs for part in one.parts):
            href = server_page(job.uri, job.experiment_id, run.run_id) or f"{page}#run-{run.run_id}"
            label = f"{group.label}, seed {run.seed_words}" + ("" if run.split is None else f", split {run.split}")
            found[run.run_id] = Origin(href, label, str(run.result["command"]))
    return found


def server_page(uri: str, experiment_id: str, run_id: str) -> str:
    """A run's page on its tracking server; empty where the store is no server."""
    if not uri.startswith(("http://", "https://")) or not experiment_id:
        return ""
    return f"{uri.rstrip('/')}/#/experiments/{experiment_id}/runs/{run_id}"


def sort_key(cell: Cell) -> str:
    """What a script sorts a cell by: the value or mean at full precision; empty where there is none."""
    if cell is None:
        return ""
    if isinstance(cell, Estimate):
        return repr(cell.mean)
    if isinstance(cell, Marked):
        return repr(cell.value)
    return cell if isinstance(cell, str) else repr(cell)


def commands(origins: Mapping[str, Origin], run_ids: Sequence[str]) -> list[str]:
    """The commands that make some runs again, each once."""
    return unique(origins[run].command for run in run_ids)


def unique(found: Iterable[Any]) -> list[Any]:
    """Each value once, in order of first appearance."""
    return list(dict.fromkeys(found))
