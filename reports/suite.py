"""All reports at once: index, comparison, claims, conventions, and a page for each job, whole or not at all."""

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from files.formats import json as json_files
from reports import html
from reports.comparison import claims, claims_page
from reports.comparison import page as comparison_page
from reports.comparison.groups import strata
from reports.comparison.tables import ComparisonTable, compare
from reports.comparison.unrun_papers import METHODS, unrun_cards
from reports.compose import compose
from reports.conventions import page as conventions_page
from reports.errors import ReportError
from reports.index import index_page, strata_table
from reports.ledger.ledger import Ledger, build_ledger
from reports.render.table import Table
from reports.render.write import write_files
from reports.sections.results.start_column import starts_by_run, with_starts
from reports.store.evidence_files import kept
from reports.store.job import Job
from reports.store.jobs import Across, Progress, load_all, paper_of

MANIFEST = "suite.json"
PAGES = (
    ("index.html", "Overview"), ("comparison.html", "Comparison"), ("claims.html", "Claims"),
    ("protocols.html", "Protocols"),
)  # fmt: skip


def build_suite(
    out: Path,
    tracking_uri: str | None = None,
    parents: Sequence[str] | None = None,
    *,
    papers: Sequence[str] | None = None,
    experiments: Sequence[str] | None = None,
    arms: Mapping[str, Sequence[str]] | None = None,
    methods: Path | None = METHODS,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Read the store and write all pages, tables and ledgers.

    Args:
        out: the folder; what else lies in it stays.
        tracking_uri: ``None`` reads ``MLFLOW_TRACKING_URI``, else ``sqlite:///mlflow.db`` here.
        parents: only these jobs (parent run ids); ``None``: the latest finished one of each kind, plain ones
            before variants.
        papers: only jobs of these papers.
        experiments: only these experiments.
        arms: paper -> arms that the comparison shows; ``None``: all that were recorded.
        methods: folder of cards, whose claims are listed as not run where nobody ran them; ``None``: of none.
        progress: called with how many of how many parts are done, and what comes next.

    Returns:
        Plain data: ``index`` (path of the page), ``comparison`` (tables), ``claims`` (counts by paper, headline),
        ``pages`` (job -> page), ``left_out`` (counts), ``files``.

    Raises:
        ReportError: bad input, or a folder that cannot be written; then nothing in it has changed.
        NothingToReport: nothing recorded, or no server.
    """
    across = load_all(tracking_uri, experiments, parents, papers, _part(progress, "read", 0, 3))
    ledgers = {job.parent_id: build_ledger(job) for job in across.jobs}
    files: dict[str, str] = {}
    places = {job.parent_id: _existing(out, job, ledgers[job.parent_id]) for job in across.jobs}
    names = _folders(across.jobs)
    back = [(f"../../{href}", name) for href, name in PAGES]
    say = _part(progress, "page of", 1, 3)
    for place, job in enumerate(across.jobs):
        say(place, len(across.jobs), f"{paper_of(job)} in {job.experiment}")
        if not places[job.parent_id]:
            folder = names[job.parent_id]
            files |= {f"{folder}/{name}": text for name, text in compose(job, pages=back).files.items()}
            places[job.parent_id] = f"{folder}/index.html"
    say(len(across.jobs), len(across.jobs), "")
    grouped, refused = strata(across, arms)
    compared = []
    say = _part(progress, "compare", 2, 3)
    for place, one in enumerate(grouped):
        say(place, len(grouped), one.title)
        compared.append(compare(one))
    found = claims.all_claims(across, {} if across.chosen else unrun_cards(methods), ledgers)
    origins: dict[str, html.Origin] = {}
    for job in across.jobs:
        origins |= html.origins(job, places[job.parent_id])
    pages = list(PAGES)
    command = build_command(parents, papers, experiments)
    files |= {
        "index.html": index_page(across, compared, found, ledgers, places, origins, pages, kept(), command),
        "comparison.html": comparison_page.comparison_page(across, compared, refused, origins, pages),
        "claims.html": claims_page.claims_page(across, found, origins, pages, places),
        "protocols.html": conventions_page.page(across, origins, pages),
        "claims.json": claims.as_json(found),
        "claims.csv": claims.as_csv(found),
    }
    for table in _tables(across, compared, found):
        files[f"{table.name}.csv"] = table.as_csv()
        files[f"{table.name}.tex"] = table.as_latex()
    facts = {
        "index": str(out / "index.html"),
        "comparison": {"tables": [_plain(one) for one in compared], "refused": list(refused)},
        "claims": {
            "headline": claims.headline(found),
            "counts": claims.counts(found),
            "json": str(out / "claims.json"),
        },
        "pages": {parent: str(out / place) for parent, place in places.items()},
        "left_out": across.counts(),
        "runs": across.runs,
        "jobs": len(across.jobs),
    }
    manifest = {"made_of": sorted(places), "files": sorted(files)}
    files[MANIFEST] = json.dumps(manifest, indent=1) + "\n"
    write_files(out, files, stale=_stale(out, files))
    return {**facts, "files": sorted(files)}


def build_command(
    parents: Sequence[str] | None = None, papers: Sequence[str] | None = None, experiments: Sequence[str] | None = None
) -> str:
    """The command that builds all of it again; the store is named by the environment or a flag."""
    words = ["python", "-m", "reports.build", "--all"]
    for flag, values in (("--parent", parents), ("--paper", papers), ("--experiment", experiments)):
        words += [flag, *values] if values else []
    return shlex.join(words)


def _tables(across: Across, compared: Sequence[ComparisonTable], found: Sequence[claims.Judged]) -> list[Table]:
    made = [strata_table(compared), *claims_page.tables(found), *comparison_page.published_tables(across)]
    made += conventions_page.tables(across)
    for one in compared:
        made += [one.table, one.pairs]
    starts = starts_by_run(across.jobs)
    return [with_starts(table, starts) for table in made]


def _plain(one: ComparisonTable) -> dict[str, Any]:
    """A table with who stands where, for a terminal or a program."""
    stood = one.standing
    return {
        **one.table.as_dict(),
        "title": one.stratum.title,
        "key": one.stratum.key,
        "words": list(one.words),
        "rank": dict(stood.rank) if stood else {},
        "comparisons": len(stood.pairs) if stood else 0,
        "best_baseline": one.best_baseline.name if one.best_baseline else None,
    }


def _folders(jobs: Sequence[Job]) -> dict[str, str]:
    """Parent run id -> folder of its page: ``papers/gltr-synthwalk-rgb-snippets``, made unique where need be."""
    found: dict[str, str] = {}
    for job in jobs:
        first = job.any_result
        words = [paper_of(job), first["dataset"]["name"], first["protocol"]["name"]]
        words += [first[key] for key, usual in (("profile", "embedded"), ("budget", "full")) if first[key] != usual]
        name = f"papers/{'-'.join(words)}"
        found[job.parent_id] = f"{name}-{job.parent_id[:8]}" if name in found.values() else name
    return found


def _existing(out: Path, job: Job, ledger: Ledger) -> str:
    """Where below ``out`` a page of the job lies that says the same; empty text without one."""
    made_here = set(_manifest(out))
    for file in sorted([*out.glob("*/ledger.json"), *out.glob("*/*/ledger.json")]):
        page = file.parent / "index.html"
        place = page.relative_to(out).as_posix()
        if place in made_here or not page.is_file():
            continue  # pages of an earlier suite are made anew
        try:
            plain = json_files.read(file, error=ReportError)
        except ReportError:  # a file of somebody else; the job gets a page of its own
            continue
        if isinstance(plain, Mapping) and plain.get("parent_id") == job.parent_id and plain == ledger.as_dict():
            return place
    return ""


def _manifest(out: Path) -> list[str]:
    """Files that an earlier suite wrote there."""
    file = out / MANIFEST
    if not file.is_file():
        return []
    remedy = "remove it, or name another --out"
    names = json_files.read_object(file, error=ReportError, remedy=f"{remedy}.").get("files")
    if not isinstance(names, list):
        raise ReportError(f"{file} is not the list of files that an earlier report left; {remedy}.")
    return [str(name) for name in names]


def _stale(out: Path, files: Mapping[str, str]) -> list[str]:
    """What an earlier suite wrote and this one does not; never anything else."""
    inside = [name for name in _manifest(out) if not Path(name).is_absolute() and ".." not in Path(name).parts]
    return [name for name in inside if name not in files]


def _part(progress: Progress | None, what: str, part: int, parts: int) -> Progress:
    """Progress of one part of the whole, counted in the units of that part."""

    def say(done: int, total: int, text: str) -> None:
        if progress:
            progress(part * total + done, parts * total, f"{what} {text}" if text else "")

    return say
