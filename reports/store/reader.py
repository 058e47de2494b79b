"""Reading the tracking store: experiments, runs and artifacts.  Nothing here writes.

import reports
frame = reports.load("reid/synthwalk/res50-rgb-single-pass")     # one row for each arm and seed
"""

import datetime
import logging
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from files import leftovers
from files.errors import did_you_mean
from files.formats import json as json_files
from reports.errors import NothingToReport, ReportError
from reports.records import kinds
from reports.schema.vocabulary import BENCH, CHILD, PARENT
from reports.store.job import changes_of, in_words
from reports.store.requests import ask, check_answers
from reports.store.sqlite_file import check_readable
from reports.store.uri import artifact_folder, client_uri, error_sentence, shown, tracking_uri, without_secrets

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient
    from mlflow.entities import Run

OWN_ARTIFACTS = ("result.json", "per_query.npz", "strips.json", "card.json", "environment.json", "cost.json")
NOISY = {
    "mlflow.utils.databricks_utils": logging.ERROR,
    "alembic": logging.WARNING,
    "mlflow.store.db.utils": logging.CRITICAL,
    "mlflow.tracking.fluent": logging.WARNING,
}
TAGS = ("paper", "arm", "control", "of", "seed", "head_seed", "split", "world", "method", "profile", "budget", "start",
        "trained_on", "tested_on", "code_sha", "device", "fingerprint")  # fmt: skip


def open_reader(uri: str | None = None) -> "Reader":
    """Open a tracking store for reading.

    Args:
        uri: any tracking URI; ``None`` reads ``MLFLOW_TRACKING_URI``, else ``sqlite:///mlflow.db`` here.

    Raises:
        ReportError: for a URI that cannot be used.
        NothingToReport: when there is no such file, or no server answers.
    """
    resolved = tracking_uri(uri)
    quieten()
    check_answers(resolved)
    check_readable(resolved)
    from mlflow import MlflowClient  # takes seconds, so only here

    return ask(resolved, lambda: Reader(MlflowClient(tracking_uri=client_uri(resolved)), shown(resolved), resolved))


def quieten() -> None:
    """No progress bars, links and log lines of MLflow's own; its errors become one sentence."""
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # stdout is for --json
    for name, level in NOISY.items():
        logging.getLogger(name).setLevel(level)


def artifact_names() -> tuple[str, ...]:
    """The artifacts that a report may read of a run: its own, and those of every kind of result."""
    return (*OWN_ARTIFACTS, *(name for kind in kinds().values() for name in kind.files))


def load(experiment: str, tracking_uri: str | None = None) -> "pd.DataFrame":
    """Recorded results of an experiment as a frame, one row for each arm, seed and head seed.

    Columns: ``run_id, parent_id, changes`` (what options changed for every arm of its job; empty of a plain job),
    ``paper, arm, label, control, of, seed, ...`` from the run's tags, every metric under its MLflow name
    (``test/mAP`` ... in percent), and ``artifact_uri``, where ``result.json`` and ``per_query.npz`` lie;
    :meth:`Reader.folder` fetches them.

    Raises:
        ReportError: an unknown experiment; the message lists near matches.
        NothingToReport: no store, no server, or no finished arm.
    """
    import pandas as pd

    reader = open_reader(tracking_uri)
    changed = {str(run.info.run_id): in_words(changes_of(run)) for run in reader.jobs(experiment)}
    rows = [_row(run, changed) for run in reader.finished_children(experiment)]
    if not rows:
        raise NothingToReport(f"experiment {experiment} has no finished arm yet; run `python -m runners.reproduce`.")
    frame = pd.DataFrame(rows)
    return frame.sort_values(
        ["paper", "changes", "arm", "control", "seed", "head_seed", "split", "run_id"], ignore_index=True
    )


def _row(run: "Run", changed: Mapping[str, str]) -> dict[str, Any]:
    tags = run.data.tags
    parent = tags.get("mlflow.parentRunId")
    row: dict[str, Any] = {"run_id": run.info.run_id, "parent_id": parent, "changes": changed.get(str(parent), "")}
    row |= {name: tags.get(name) for name in TAGS}
    row |= {name: number_tag(run, name) for name in ("seed", "head_seed", "split")}
    row["label"] = tags.get("label", tags.get("arm"))
    row |= {name: run.data.metrics[name] for name in sorted(run.data.metrics) if not name.startswith("train/")}
    return row | {"artifact_uri": run.info.artifact_uri, "command": tags.get("command")}


def number_tag(run: "Run", name: str) -> int:
    """A tag that is a whole number; 0 where there is none.

    Raises:
        ReportError: it is something else.
    """
    text = str(run.data.tags.get(name, "0"))
    if not text.isdecimal():
        raise ReportError(f"run {run.info.run_id} has the tag {name} = {text!r}, expected a number; delete that run.")
    return int(text)


def counting(finished: "Sequence[Run]") -> "list[Run]":
    """Of finished children of jobs those that count: the latest of each arm, control, seed, head seed and split of one.

    Older ones are marked as superseded when the newer one is recorded; a job that is killed before it comes to that
    leaves two.
    """
    latest: dict[tuple[str, ...], Run] = {}
    keys = ("mlflow.parentRunId", "arm", "control", "of", "seed", "split")
    for run in sorted(finished, key=lambda run: (run.info.end_time or 0, run.info.start_time, str(run.info.run_id))):
        if run.data.tags.get("superseded") != "true":
            latest[(*(str(run.data.tags.get(key)) for key in keys), run.data.tags.get("head_seed", "0"))] = run
    return list(latest.values())


@dataclass
class Reader:
    """A tracking store, open for reading.

    Attributes:
        client: MLflow's own.
        uri: of the store as it may be shown, without a password.
        address: the same with it, for MLflow.
    """

    client: "MlflowClient"
    uri: str
    address: str
    _scratch: Any = field(default_factory=leftovers.scratch)

    def experiment_id(self, name: str) -> str:
        """Id of an experiment by name.

        Raises:
            ReportError: no such experiment; the message lists near matches.
        """
        found = self._ask(lambda: self.client.get_experiment_by_name(name))
        if found is not None and found.lifecycle_stage == "active":
            return str(found.experiment_id)
        names = [one.name for one in self._ask(self.client.search_experiments) if one.name != "Default"]
        some = f"there are {', '.join(sorted(names)[:5])}." if names else "the store holds no experiment yet."
        hint = did_you_mean(name, names, cutoff=0.4) or some
        raise ReportError(f"no experiment {name!r} in {self.uri}; {hint}")

    def experiments(self, prefix: str = "") -> list[str]:
        """Names of all experiments that begin so, sorted; those in MLflow's bin are not among them."""
        names: list[str] = []
        token = None
        while True:
            page = self._ask(partial(self.client.search_experiments, page_token=token))
            names += [str(one.name) for one in page if str(one.name).startswith(prefix)]
            token = page.token
            if not token:
                return sorted(names)

    def jobs(self, experiment: str) -> "list[Run]":
        """All parent runs of an experiment, finished or not, the oldest first."""
        runs = self._search(self.experiment_id(experiment), f"tags.kind = '{PARENT}'")
        return sorted(runs, key=lambda run: (run.info.start_time, str(run.info.run_id)))

    def parent(self, experiment: str, paper: str | None = None, parent: str | None = None) -> "Run":
        """The parent run to report: the named one, else of plain jobs, or where there is none of variants, the latest.

        Finished ones come before others. A variant is a job whose options changed every arm, see
        `reports.store.job`.

        Raises:
            ReportError: no such paper or parent there.
            NothingToReport: no parent at all.
        """
        runs = self._search(self.experiment_id(experiment), f"tags.kind = '{PARENT}'")
        if not runs:
            raise NothingToReport(f"experiment {experiment} holds no job yet; run `python -m runners.reproduce`.")
        if parent is not None:
            runs = [run for run in runs if run.info.run_id.startswith(parent)]
            if len(runs) != 1:
                raise ReportError(f"{len(runs)} parent runs of {experiment} have an id that starts with {parent!r}.")
        elif paper is not None:
            papers = sorted({str(run.data.tags.get("paper")) for run in runs})
            runs = [run for run in runs if run.data.tags.get("paper") == paper]
            if not runs:
                hint = did_you_mean(paper, papers, cutoff=0.4) or f"there are {', '.join(papers)}."
                raise ReportError(f"paper {paper!r} is not recorded in {experiment}; {hint}")
        return max(
            runs,
            key=lambda run: (
                not changes_of(run), run.info.status == "FINISHED", run.info.end_time or 0, run.info.start_time,
            ),
        )  # fmt: skip

    def children(self, parent: "Run") -> "list[Run]":
        """The finished children that count, ordered by name."""
        return self._current(parent.info.experiment_id, f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")

    def not_counted(self, parent: "Run") -> dict[str, int]:
        """How many children of a job do not count, by reason; only reasons that there are."""
        found = self._search(parent.info.experiment_id, f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")
        finished = [run for run in found if run.info.status == "FINISHED"]
        counted = {run.info.run_id for run in counting(finished)}
        superseded = [run for run in found if run.data.tags.get("superseded") == "true"]
        superseded += [run for run in finished if run.info.run_id not in counted and run not in superseded]
        unfinished = [run for run in found if run.info.status != "FINISHED" and run not in superseded]
        counts = {"superseded runs": len(superseded), "unfinished runs": len(unfinished)}
        return {reason: count for reason, count in counts.items() if count}

    def finished_children(self, experiment: str) -> "list[Run]":
        """All finished arms of an experiment that count, whatever their parent."""
        return self._current(self.experiment_id(experiment), f"tags.kind = '{CHILD}'")

    def benches(self, experiment: str, paper: str) -> "list[Run]":
        """Finished measurements of what arms of a paper cost."""
        found = self._search(self.experiment_id(experiment), f"tags.kind = '{BENCH}' and tags.paper = '{paper}'")
        return [run for run in found if run.info.status == "FINISHED"]

    def folder(self, run: "Run", needed: Sequence[str] = ()) -> Path:
        """Where a run's artifacts can be read; those from afar are fetched once, and live as long as this reader.

        Raises:
            ReportError: a needed file is not there, or the place where artifacts are kept does not answer.
        """
        run_id = str(run.info.run_id)
        target = artifact_folder(str(run.info.artifact_uri), self.address)
        if target is None:
            target = Path(self._scratch.name) / run_id
            if not target.is_dir():
                self._fetch(run, target)
        missing = [name for name in needed if not (target / name).is_file()]
        if missing:
            raise ReportError(
                f"run {run_id} ({run.info.run_name}) lacks the artifact {', '.join(missing)} at "
                f"{without_secrets(str(target))}; {remedy_of(run)}"
            )
        return target

    def json(self, run: "Run", name: str) -> dict[str, Any]:
        """One JSON artifact of a run.

        Raises:
            ReportError: it is not there, no JSON, or holds nothing; the run and how to mend it are named.
        """
        found = json_files.read_object(self.folder(run, (name,)) / name, error=ReportError, remedy=remedy_of(run))
        if not found:
            raise ReportError(f"artifact {name} of run {run.info.run_id} holds nothing; {remedy_of(run)}")
        return found

    @staticmethod
    def time(milliseconds: int | None) -> str:
        """``2025-01-31 12:00 UTC``, or an empty text."""
        if not milliseconds:
            return ""
        moment = datetime.datetime.fromtimestamp(milliseconds / 1000, tz=datetime.UTC)
        return moment.strftime("%Y-%m-%d %H:%M UTC")

    def _fetch(self, run: "Run", target: Path) -> None:
        """Leave the files that the run has in ``target``; what is needed is checked by the caller.

        What is there is asked first: a server answers a request for a file that it does not have with an error, after
        several tries.
        """
        from mlflow import artifacts
        from mlflow.exceptions import MlflowException

        uri = str(run.info.artifact_uri)
        try:
            there = {
                Path(str(one.path)).name for one in artifacts.list_artifacts(uri, tracking_uri=client_uri(self.address))
            }
            target.mkdir()
            for name in artifact_names():
                if name in there:
                    artifacts.download_artifacts(
                        f"{uri}/{name}", dst_path=str(target), tracking_uri=client_uri(self.address)
                    )
        except (MlflowException, OSError, ImportError) as error:
            shutil.rmtree(target, ignore_errors=True)
            raise ReportError(
                f"the artifacts of run {run.info.run_id} at {without_secrets(uri)} cannot be fetched: "
                f"{error_sentence(error, self.address)}."
            ) from None

    def _current(self, experiment_id: str, text: str) -> "list[Run]":
        found = self._search(experiment_id, f"{text} and attributes.status = 'FINISHED'")
        return sorted(counting(found), key=lambda run: (str(run.info.run_name), str(run.info.run_id)))

    def _search(self, experiment_id: str, text: str) -> "list[Run]":
        runs: list[Run] = []
        token = None
        while True:
            page = self._ask(
                partial(self.client.search_runs, [experiment_id], text, max_results=1000, page_token=token)
            )
            runs += list(page)
            token = page.token
            if not token:
                return runs

    def _ask(self, question: Callable[[], Any]) -> Any:
        return ask(self.address, question)


def remedy_of(run: "Run") -> str:
    """How an artifact of a run that is lost or damaged comes back, as the end of a sentence."""
    command = without_secrets(str(run.data.tags.get("command", "python -m runners.reproduce")))
    name = f"run {run.info.run_id} ({run.info.run_name})"
    return f"it belongs to {name}: restore it, or record it again with: {command}"
