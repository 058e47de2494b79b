"""The only writer to MLflow.

    store = open_store()                                    # honours MLFLOW_TRACKING_URI
    parent = store.begin(card, dataset, protocol, "embedded", command, environment)
    for result, per_query, strips, log in measured:
        store.record_arm(parent, result, per_query, strips, log)
    store.finish(parent, summary)
    # build the page from the store, then:
    store.attach_report(parent, ledger.as_dict(), "report/gltr-synthwalk-res50-rgb-single-pass", summary)

A parent run is (paper, dataset, protocol, profile, budget); its children are arm x seed, x head seed where a recipe
trains several heads on a trunk, and x split where the data set has several divisions (the parent's data are then all
divisions of the job together).  Recording is idempotent: a result is found again by its fingerprint, and of metrics,
parameters and files only what is not there yet is written, so a job that is started twice, or killed wherever and
started again, leaves what one that was left alone does.  One process at a time records into a SQLite store, so an
unfinished child is one whose process is gone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from reports.errors import ReportError
from reports.records.interface import Recorded, RecordKind, digest_of
from reports.records.per_query import check_per_query
from reports.records.result_checks import check_result
from reports.schema.json_form import non_finite
from reports.schema.vocabulary import PARENT
from reports.store import cards
from reports.store.job import in_words
from reports.store.reader import artifact_names, counting
from reports.store.sqlite_file import BUSY_SECONDS
from runners.errors import RunError
from runners.progress import note
from runners.tracking import claims, connect, tags_and_metrics
from runners.tracking.artifacts import both_files, child_files, child_pictures, json_bytes
from runners.tracking.optional_parts import Parts, kind_of_jobs, metrics_of
from runners.tracking.runs import Runs, children_of, cleaned
from runners.tracking.tags_and_metrics import clean

if TYPE_CHECKING:
    from mlflow.entities import Run


def open_store(uri: str | None = None, *, busy_seconds: float = BUSY_SECONDS) -> "Store":
    """Open (and make, if need be) the tracking store.

    Args:
        uri: tracking URI; ``None`` reads ``MLFLOW_TRACKING_URI``, else ``sqlite:///mlflow.db`` here.
        busy_seconds: how long to wait for another program that is writing to a SQLite store.

    Raises:
        RunError: the URI cannot be used; the sentence says why and what to do.
        NotPossible: a server does not answer.
    """
    client, resolved, artifacts = connect.connect(uri, busy_seconds)
    return Store(client, resolved, artifacts)


@dataclass
class Store(Runs):
    """An open tracking store."""

    _cards: dict[str, dict[str, Any]] = field(default_factory=dict)

    def begin(
        self,
        card: Mapping[str, Any],
        dataset: Mapping[str, Any],
        protocol: Mapping[str, Any],
        profile: str,
        command: str,
        environment: Mapping[str, Any],
        *,
        budget: str = "full",
        changes: Mapping[str, str] | None = None,
    ) -> str:
        """Open the parent run of a job, or the one that an earlier start of the same job left.

        Args:
            card: the paper's card as plain data (TOML tables or the typed card as a dict).
            dataset: as ``dataset`` of the result record (name, version, fingerprint, synthetic, counts); of a data set
                with several divisions those that the job runs together, as `reports.records.splits.dataset_of_all`.
            protocol: as ``protocol`` of the result record (name, version, ...).
            profile: ``"embedded"`` or ``"paper"``.
            command: the command line that makes the job again.
            environment: machine, libraries, ``code_sha``, ``dirty``, ``device``; plain data.
            budget: ``"full"``, ``"quick"`` or ``"long"``.
            changes: what options change for every arm, such as ``{"pretrained": "none"}``: another job, whose arms are
                not those of the plain one.

        Returns:
            The parent's run id.
        """
        plain = cards.normalise(card)
        paper = str(plain.get("key", "unknown"))
        fingerprint = tags_and_metrics.job_fingerprint(paper, dataset, protocol, profile, budget, changes or {})
        tags = tags_and_metrics.parent_tags(paper, dataset, protocol, environment, profile, budget, command)
        tags["fingerprint"] = fingerprint
        with self._alone():
            name = tags_and_metrics.experiment_name(dataset["name"], protocol["name"])
            experiment = self.experiment(name, tags_and_metrics.EXPERIMENT_TAGS)
            run = self._find(experiment, f"tags.kind = '{PARENT}' and tags.fingerprint = '{fingerprint}'")
            if run is None:
                name = f"{paper} {profile}" + ("" if budget == "full" else f" {budget}")
                name += f", {in_words(changes)}" if changes else ""
                run = self.client.create_run(experiment, run_name=clean(name), tags=cleaned(tags))
            else:
                self.client.update_run(run.info.run_id, status="RUNNING")
                self.log(run.info.run_id, tags=tags)
            parent = str(run.info.run_id)
            self._params(run, {"paper": paper, "dataset": dataset["name"], "protocol": protocol["name"],
                               "profile": profile, "budget": budget, **(changes or {})})  # fmt: skip
            self._input(run, dataset)
            files = {"card.json": json_bytes(plain), "environment.json": json_bytes(environment)}
            self._files(parent, files)
        self._cards[parent] = plain
        return parent

    def record_arm(
        self,
        parent: str,
        result: Mapping[str, Any],
        per_query: Mapping[str, NDArray[Any]],
        strips: Mapping[str, Any] | None,
        train_log: Sequence[Mapping[str, Any]],
        records: Mapping[str, Recorded] | None = None,
    ) -> str:
        """Record one arm with one seed and head seed as a child run; once, however often it is called.

        Args:
            parent: run id from :meth:`begin`.
            result: the record, schema 1 (``reports.records.result.ResultRecord``).
            per_query: arrays of ``reports.records.per_query.PER_QUERY_ARRAYS`` and ``cmc``, accuracies in percent.
            strips: ``reports.records.result.Strips``, or ``None``.
            train_log: rows with ``stage``, ``step`` and numbers, in order; may be empty.
            records: what stands beside the result, by the name of its kind (`reports.records`).

        Returns:
            The child's run id.

        Raises:
            RunError: for an incomplete record, or a number that is not finite.
        """
        parts = Parts(records or {})
        try:
            check_result(result)
            check_per_query(result, per_query)
            parts.check(result)
        except ReportError as error:
            raise RunError(str(error)) from None
        for path, value in non_finite([dict(row) for row in train_log]):
            name = tags_and_metrics.run_name(result)
            raise RunError(f"the training log of {name} has {path} = {value}; nothing was recorded.")
        tags = tags_and_metrics.child_tags(result) | {
            "result_digest": tags_and_metrics.digest([dict(result), *parts.facts()])
        }
        with self._alone():
            files = child_files(result, per_query, strips, train_log, parts)
            return self._record(parent, result, per_query, tags, files, parts, train_log)

    def _record(
        self,
        parent: str,
        result: Mapping[str, Any],
        per_query: Mapping[str, NDArray[Any]],
        tags: dict[str, str],
        files: Mapping[str, bytes],
        parts: Parts,
        train_log: Sequence[Mapping[str, Any]],
    ) -> str:
        """What is missing of one child; the mark that it is finished comes last."""
        experiment = self.client.get_run(parent).info.experiment_id
        run = self._find(experiment, f"{children_of(parent)} and tags.fingerprint = '{tags['fingerprint']}'")
        if run is not None and _is_recorded(run, tags["result_digest"]):
            self._restore_files(str(run.info.run_id), result, per_query, files)
            self._retire_others(experiment, parent, result, run.info.run_id)
            return str(run.info.run_id)
        if run is not None and _is_half_of_another(run, tags["result_digest"]):
            self.client.delete_run(run.info.run_id)  # half of another result; its numbers would stay beside these
            run = None
        if run is None:
            run = self.client.create_run(
                experiment,
                run_name=clean(tags_and_metrics.run_name(result)),
                tags=cleaned(tags | {"mlflow.parentRunId": parent, "status": "running"}),
            )
        run_id = str(run.info.run_id)
        self.client.update_run(run_id, status="RUNNING")
        self._params(run, tags_and_metrics.child_params(result))
        self._input(run, result["dataset"])
        finals = tags_and_metrics.child_metrics(result, self._card(parent)) | parts.metrics()
        self._write_metrics(run, tags_and_metrics.run_name(result), finals, train_log)
        whole = {**files, **child_pictures(result, per_query)}
        self._files(run_id, whole)
        self.artifacts.drop(run_id, whole, artifact_names())
        done = {"status": "finished", "superseded": "false"}
        self.log(run_id, tags=tags | done | {"mlflow.note.content": tags_and_metrics.child_note(result)})
        self.client.set_terminated(run_id, "FINISHED")
        self._retire_others(experiment, parent, result, run_id)
        return run_id

    def _restore_files(
        self,
        run_id: str,
        result: Mapping[str, Any],
        per_query: Mapping[str, NDArray[Any]],
        files: Mapping[str, bytes],
    ) -> None:
        """Write those files of a recorded result again that were lost or damaged since."""
        lacking = self.artifacts.lacking(run_id, files)
        if lacking:
            self._files(run_id, {**lacking, **child_pictures(result, per_query)})

    def finish(
        self,
        parent: str,
        summary: Mapping[str, Any],
        ledger: Mapping[str, Any] | None = None,
        report_html: Path | str | None = None,
    ) -> None:
        """Close a job: aggregates over seeds, the ledger and the page go to the parent run.

        Args:
            parent: run id from :meth:`begin`.
            summary: plain data; strings and numbers of the first level show in the description.
            ledger: ``Ledger.as_dict()``.
            report_html: the page, or a folder of report files, copied to the artifact folder ``report``.
        """
        with self._alone():
            self.remove_half_made(self.client.get_run(parent).info.experiment_id, children_of(parent))
            runs = [run.data for run in self.children(parent)]
            metrics = tags_and_metrics.aggregate_metrics((data.tags, data.metrics) for data in runs)
            files = {"summary.json": json_bytes(summary)}
            if ledger is not None:
                files["ledger.json"] = json_bytes(ledger)
            self._files(parent, files)
            if report_html is not None:
                self._upload_report(parent, Path(report_html))
            seeds = sorted({int(data.tags["seed"]) for data in runs})
            head_seeds = sorted({int(data.tags.get("head_seed", "0")) for data in runs})
            tags = {
                "status": "finished",
                "seeds": " ".join(map(str, seeds)),
                "head_seeds": " ".join(map(str, head_seeds)),
                "mlflow.note.content": claims.parent_note(self._card(parent), summary, ledger),
                **claims.claim_tags(ledger or {}),
            }
            finals = [(name, value, 0) for name, value in metrics.items()]
            self.log(parent, metrics=self._new(self.client.get_run(parent), finals), tags=tags)
            self.client.set_terminated(parent, "FINISHED")

    def attach_report(
        self,
        parent: str,
        ledger: Mapping[str, Any],
        report: Path | str,
        summary: Mapping[str, Any] | None = None,
        names: Sequence[str] | None = None,
    ) -> None:
        """Add ledger and page to a closed job, whose state and end stay as they are.

        A page built before :meth:`finish` would have to say that its job is unfinished; so close the job, build
        the page from the store, attach it.

        Args:
            parent: run id from :meth:`begin`.
            ledger: ``Ledger.as_dict()``.
            report: the page, or the folder that it lies in with its tables.
            summary: as for :meth:`finish`.
            names: files of the folder that belong to the report; ``None``: all of it.
        """
        with self._alone():
            self._files(parent, {"ledger.json": json_bytes(ledger)})
            self._upload_report(parent, Path(report), names)
            note = claims.parent_note(self._card(parent), summary or {}, ledger)
            self.log(parent, tags={"mlflow.note.content": note, **claims.claim_tags(ledger)})

    def attach(self, parent: str, name: str, value: Recorded) -> None:
        """Add what was recorded of a whole job; the same once is enough.

        What an earlier start recorded is kept as far as its kind joins the two.

        Args:
            parent: run id from :meth:`begin`.
            name: of the kind, such as ``labels``.
            value: record and arrays of this kind.

        Raises:
            RunError: there is no such kind, or the value is incomplete or disagrees with itself; nothing was recorded.
        """
        kind = kind_of_jobs(name)
        try:
            kind.verify(value.record, value.arrays, f"the {kind.what}")
        except ReportError as error:
            raise RunError(str(error)) from None
        whole = kind.value(dict(value.record), value.arrays)
        with self._alone():
            run = self.client.get_run(parent)
            tag = f"{kind.stem}_digest"
            known = run.data.tags.get(tag)
            earlier = self._attached(parent, kind) if known is not None else None
            if earlier is not None and kind.join is not None:
                whole = kind.join(earlier, whole)
            digest = tags_and_metrics.digest([whole.record, digest_of(whole.arrays)])
            if known == digest and earlier is not None:
                return
            both = both_files(kind, whole)  # arrays first: those that a record does not name do no harm
            self._files(parent, dict(sorted(both.items(), reverse=True)))
            finals = [(key, number, 0) for key, number in metrics_of(kind, whole).items()]
            self.log(parent, metrics=self._new(run, finals), tags={tag: digest})

    def _attached(self, parent: str, kind: RecordKind[Any]) -> Any:
        """What was recorded before; ``None`` where it was lost, damaged or cut off, so that it is recorded anew."""
        json_name, npz_name = kind.files
        try:
            record = self.artifacts.read_json(parent, json_name)
            arrays = self.artifacts.read_arrays(parent, npz_name)
            kind.verify(record, arrays, f"the {kind.what}")
        except (RunError, ReportError, LookupError, TypeError, AttributeError, ValueError):
            note(f"the {kind.what} that run {parent} had cannot be read any more; those of this job take their place")
            return None
        return kind.value(record, arrays)

    def children(self, parent: str) -> "list[Run]":
        """The finished children that count: one for each arm, control, seed and head seed, ordered by name."""
        experiment = self.client.get_run(parent).info.experiment_id
        found = self._search(experiment, f"{children_of(parent)} and attributes.status = 'FINISHED'")
        return sorted(counting(found), key=lambda run: str(run.info.run_name))

    def _retire_others(self, experiment: str, parent: str, result: Mapping[str, Any], keep: str) -> None:
        """Of one arm, control, seed, head seed and split in a job the newest result counts; older ones stay, marked."""
        tags = tags_and_metrics.child_tags(result)
        keys = ("arm", "control", "of", "seed", *(["split"] if "split" in result else []))
        same = " and ".join(f"tags.`{key}` = '{tags[key]}'" for key in keys)
        for run in self._search(experiment, f"{children_of(parent)} and {same}"):
            if run.data.tags.get("head_seed", "0") != tags["head_seed"]:  # older runs lack the tag, so no filter on it
                continue
            value = str(run.info.run_id != keep).lower()
            if run.data.tags.get("superseded") != value:
                self.log(run.info.run_id, tags={"superseded": value})

    def _write_metrics(
        self, run: "Run", name: str, finals: Mapping[str, float], train_log: Sequence[Mapping[str, Any]]
    ) -> None:
        """Finals at step 0 under keys of their own (MLflow shows the highest step), curves by their step."""
        for path, value in non_finite(dict(finals)):
            raise RunError(f"metric {path} of {name} is {value}; it must be finite.")
        points = [(key, value, 0) for key, value in finals.items()] + tags_and_metrics.curve_points(train_log)
        self.log(run.info.run_id, metrics=self._new(run, points))

    def _upload_report(self, parent: str, path: Path, names: Sequence[str] | None = None) -> None:
        """The page, or the files of its folder, and nothing of an earlier report; temporary files are none."""
        if not path.exists():
            raise RunError(f"the report {path} does not exist; build it first with `python -m reports.build`.")
        folder = path if path.is_dir() else path.parent
        if path.is_dir():
            found = sorted(file for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
            names = [file.relative_to(path).as_posix() for file in found] if names is None else names
        else:
            names = [path.name]
        self._files(parent, {name: (folder / name).read_bytes() for name in names}, "report")
        self.artifacts.drop(parent, names, below="report")

    def _card(self, parent: str) -> dict[str, Any]:
        if parent not in self._cards:
            self._cards[parent] = self.artifacts.read_json(parent, "card.json")
        return self._cards[parent]


def _is_recorded(run: "Run", result_digest: str) -> bool:
    return run.info.status == "FINISHED" and run.data.tags.get("result_digest") == result_digest


def _is_half_of_another(run: "Run", result_digest: str) -> bool:
    return run.info.status != "FINISHED" and run.data.tags.get("result_digest", result_digest) != result_digest
