"""Many recorded jobs at once: what the reports across papers are made of, and what was left out of them.

Of each experiment (data set and protocol), paper, profile and budget the latest finished job counts, and one that no
option changed before any variant.  Everything else that was found is named with the reason why it does not count.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from files.errors import did_you_mean
from reports.errors import NothingToReport, ReportError
from reports.records import splits
from reports.records.result import SCHEMA
from reports.store import cards
from reports.store.job import Job, changes_of, in_words
from reports.store.read_job import load_job
from reports.store.reader import Reader, open_reader

if TYPE_CHECKING:
    from mlflow.entities import Run

PREFIX = "reid/"  # of the experiments that this suite writes; a shared server holds others too
REASONS = {
    "unfinished": "has not finished",
    "superseded": "a later job of the same experiment, paper, profile and budget counts",
    "variant": "options changed every arm of it (--pretrained, --size ...); another job of its kind counts",
    "other schema": "was recorded by another version of Reproid",
    "incomplete": "cannot be read whole",
    "unfinished runs": "runs of a job that counts, which have not finished",
    "superseded runs": "runs of a job that counts, which were recorded again later",
}

Progress = Callable[[int, int, str], None]
"""Called with how many jobs are read, of how many, and what comes next."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something recorded that the reports do not show: a job, or ``count`` runs of one that they do show."""

    kind: str  # of REASONS
    experiment: str
    paper: str
    parent_id: str
    why: str
    count: int = 1


@dataclass(frozen=True)
class Across:
    """The jobs that count, by paper and experiment, and what was left out.

    Attributes:
        cards: normalised cards of recorded papers by key, those of jobs that were left out among them.
    """

    uri: str
    jobs: tuple[Job, ...]
    left_out: tuple[LeftOut, ...] = ()
    cards: dict[str, dict[str, Any]] = field(default_factory=dict)
    chosen: bool = False  # whether only some jobs were asked for

    @cached_property
    def papers(self) -> tuple[str, ...]:
        """Keys of the papers with a job that counts."""
        return tuple(dict.fromkeys(paper_of(job) for job in self.jobs))

    @property
    def runs(self) -> int:
        """How many runs were read."""
        return sum(len(group.run_ids) for job in self.jobs for group in job.groups)

    def counts(self) -> dict[str, int]:
        """Kind of what was left out -> how much of it, only kinds that there are."""
        found: Counter[str] = Counter()
        for one in self.left_out:
            found[one.kind] += one.count
        return {kind: found[kind] for kind in REASONS if found[kind]}


def paper_of(job: Job) -> str:
    """Key of a job's paper."""
    return str(job.card.get("key", job.any_result["paper"]))


def load_all(
    uri: str | None = None,
    experiments: Sequence[str] | None = None,
    parents: Sequence[str] | None = None,
    papers: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Across:
    """Read all jobs that count from a tracking store, local or on a server.

    Args:
        uri: ``None`` reads ``MLFLOW_TRACKING_URI``, else ``sqlite:///mlflow.db`` here.
        experiments: only these, such as ``reid/synthwalk/rgb-snippets``.
        parents: exactly these jobs (parent run ids or their first letters), finished or not.
        papers: only jobs of these papers.
        progress: called before each job is read.

    Raises:
        ReportError: an unknown experiment, paper or parent (near matches are named), or a named job that cannot be
            read whole.
        NothingToReport: no store, no server, or nothing finished in it.
    """
    reader = open_reader(uri)
    found = _of_papers(_found(reader, experiments), papers)
    wanted: Found
    left_out: list[LeftOut]
    wanted, left_out = (_named(found, parents), []) if parents else _latest(found)
    if not wanted:
        raise NothingToReport(_nothing(reader.uri, left_out))
    jobs: list[Job] = []
    known = {str(run.data.tags.get("paper")): run for _, run in found}
    for place, (experiment, run) in enumerate(wanted):
        if progress:
            progress(place, len(wanted), f"{run.data.tags.get('paper')} in {experiment}")
        try:
            jobs.append(load_job(reader, experiment, parent=str(run.info.run_id)))
        except NothingToReport as error:
            if parents:
                raise
            left_out.append(_left("unfinished", experiment, run, str(error)))
        except ReportError as error:
            if parents:
                raise
            left_out.append(_left("incomplete", experiment, run, str(error)))
        else:
            for kind, count in reader.not_counted(run).items():
                left_out.append(_left(kind, experiment, run, REASONS[kind], count))
    if progress:
        progress(len(wanted), len(wanted), "")
    if not jobs:
        raise NothingToReport(_nothing(reader.uri, left_out))
    jobs.sort(key=_order)
    return Across(
        uri=reader.uri,
        jobs=tuple(jobs),
        left_out=tuple(left_out),
        cards={} if parents else _cards(reader, jobs, known),
        chosen=bool(parents or papers or experiments),
    )


def _order(job: Job) -> tuple[str, ...]:
    first = job.any_result
    return paper_of(job), job.experiment, str(first["profile"]), str(first["budget"]), in_words(job.changes)


Found = list[tuple[str, "Run"]]


def _found(reader: Reader, experiments: Sequence[str] | None) -> Found:
    names = list(dict.fromkeys(experiments)) if experiments else reader.experiments(PREFIX)
    return [(name, run) for name in names for run in reader.jobs(name)]


def _of_papers(found: Found, papers: Sequence[str] | None) -> Found:
    if not papers:
        return found
    there = sorted({str(run.data.tags.get("paper")) for _, run in found})
    for paper in papers:
        if paper not in there:
            some = f"there are {', '.join(there)}." if there else "the store holds no job yet."
            hint = did_you_mean(paper, there, cutoff=0.4) or some
            raise ReportError(f"paper {paper!r} is not recorded; {hint}")
    return [(name, run) for name, run in found if run.data.tags.get("paper") in papers]


def _named(found: Found, parents: Sequence[str]) -> Found:
    chosen: dict[str, tuple[str, Run]] = {}
    for wanted in parents:
        matching = [one for one in found if str(one[1].info.run_id).startswith(wanted)]
        if len(matching) != 1 or not wanted:
            ids = [str(run.info.run_id) for _, run in found]
            hint = did_you_mean(wanted, ids, most=2) or (
                f"there are {', '.join(ids[:3])}." if ids else "there is none."
            )
            raise ReportError(f"{len(matching)} jobs have a parent run whose id starts with {wanted!r}; {hint}")
        chosen[str(matching[0][1].info.run_id)] = matching[0]
    return list(chosen.values())


def _latest(found: Found) -> tuple[Found, list[LeftOut]]:
    """The latest finished job of each kind, of plain ones over most splits of its data; the others with the reason."""
    kinds: dict[tuple[str, ...], Found] = {}
    left_out = []
    for experiment, run in found:
        tags = run.data.tags
        if tags.get("reproid.schema") not in (None, str(SCHEMA)):
            why = f"was recorded with schema {tags['reproid.schema']}, and this version reads schema {SCHEMA}"
            left_out.append(_left("other schema", experiment, run, why))
        elif run.info.status != "FINISHED":
            why = f"its job has not finished (status {str(run.info.status).lower()}); start it again to go on"
            left_out.append(_left("unfinished", experiment, run, why))
        else:
            key = (experiment, *(str(tags.get(name)) for name in ("paper", "profile", "budget")))
            kinds.setdefault(key, []).append((experiment, run))
    wanted: Found = []
    for same in kinds.values():
        *others, (experiment, counts) = sorted(same, key=lambda one: _preferred(one[1]))
        wanted.append((experiment, counts))
        left_out += [_not_preferred(experiment, run, counts) for experiment, run in others]
    return wanted, left_out


def _preferred(run: "Run") -> tuple[bool, int, int, int]:
    """Rises with what counts of jobs of one kind."""
    return not changes_of(run), _splits(run), run.info.end_time or 0, run.info.start_time


def _not_preferred(experiment: str, run: "Run", counts: "Run") -> LeftOut:
    """A job with the reason why another one of its kind counts."""
    counting, changes = f"(parent {counts.info.run_id[:8]})", changes_of(run)
    if changes != changes_of(counts):
        than = f"another one ({in_words(changes_of(counts))})" if changes_of(counts) else "a plain job"
        why = f"is a variant ({in_words(changes)}), and {than} counts {counting}; name it with --parent to see it"
        return _left("variant", experiment, run, why)
    fewer = _splits(run) < _splits(counts)
    reason = "a job over more splits of the data counts" if fewer else REASONS["superseded"]
    return _left("superseded", experiment, run, f"{reason} {counting}")


def _splits(run: "Run") -> int:
    """How many divisions of its data a job was over; 0 where they have one."""
    return len(splits.wanted(run.data.tags))


def _left(kind: str, experiment: str, run: "Run", why: str, count: int = 1) -> LeftOut:
    return LeftOut(kind, experiment, str(run.data.tags.get("paper", "?")), str(run.info.run_id), why, count)


def _cards(reader: Reader, jobs: Iterable[Job], known: "dict[str, Run]") -> dict[str, dict[str, Any]]:
    """The card of every recorded paper; one that no job that counts has is read from a job that does not."""
    found = {paper_of(job): job.card for job in jobs}
    for paper, run in known.items():
        if paper not in found:
            try:
                found[paper] = cards.normalise(reader.json(run, "card.json"))
            except ReportError:  # the job is among those left out already, with its reason
                continue
    return found


def _nothing(uri: str, left_out: Sequence[LeftOut]) -> str:
    if not left_out:
        return f"{uri} holds no job yet; run `python -m runners.compare` or `python -m runners.reproduce`."
    counts = Counter(one.kind for one in left_out)
    listed = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    return f"{uri} holds no job that can be reported ({listed}); the first: {left_out[0].paper} {left_out[0].why}."
