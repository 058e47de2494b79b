"""A small job whose process is gone at one of its writes, and what a store and a report's folder hold afterwards."""

import hashlib
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from mlflow import MlflowClient

from reports.render import figures
from reports.render.write import write_files
from reports.store.uri import artifact_folder
from runners.tracking.mlflow_writer import Store, open_store
from tests.reports import fake, fake_adfd
from tests.runners import recorded

CLIENT = (
    "create_experiment", "create_run", "delete_run", "log_artifact", "log_artifacts", "log_batch", "log_inputs",
    "log_metric", "log_param", "log_text", "log_dict", "set_tag", "set_terminated", "update_run",
)  # fmt: skip
FILES = ("mkdir", "rename", "replace", "rmdir", "unlink", "write_bytes", "write_text")
GONE = 2**22 + 17  # no Linux has a process of so high a number


class Killed(BaseException):
    """The process is gone."""


def job(uri: str, out: Path, seeds: int = 1) -> None:
    """Two arms, labels, the end, a report."""
    store = open_store(uri)
    parent = recorded.begin(store)
    for seed in range(seeds):
        recorded.record(store, parent, seed)
        arrays = fake.per_query(0.6, seed, "gltr")
        store.record_arm(parent, fake.result("gltr", None, None, seed, arrays), arrays, None, fake.train_log())
    told = fake_adfd.labels()
    store.attach(parent, "labels", told)
    store.finish(parent, {"wall": 1})
    files = {"index.html": f"<p>{seeds} seeds</p>", "tables.json": "[]"}
    write_files(out, files)
    store.attach_report(parent, {"claims": []}, out, {"holds": 1}, sorted(files))


@contextmanager
def killed_at(moment: float, monkeypatch: pytest.MonkeyPatch, *, really: bool = False) -> Iterator[list[str]]:
    """The writes of a job, by name; at one of them its process is gone, and does nothing any more.

    Args:
        moment: number of the write; with a half, that write is done (a file's half) before the process is gone.
        monkeypatch: for as long as it lasts.
        really: end this process.
    """
    done: list[str] = []
    gone: list[bool] = []

    def killing(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(self: Any, *values: Any, **named: Any) -> Any:
            if gone:
                raise Killed
            done.append(name)
            if len(done) - 1 != int(moment):
                return method(self, *values, **named)
            if moment % 1:
                if name == "write_bytes":
                    values = (values[0][: len(values[0]) // 2],)
                method(self, *values, **named)  # with what it writes in turn, such as the folders above a folder
            gone.append(True)
            if really:
                os.kill(os.getpid(), signal.SIGKILL)
            raise Killed

        return wrapped

    with monkeypatch.context() as patch:
        if not really:
            patch.setattr("os.getpid", lambda: GONE)
        for name in CLIENT:
            patch.setattr(MlflowClient, name, killing(name, getattr(MlflowClient, name)))
        for name in FILES:
            patch.setattr(Path, name, killing(name, getattr(Path, name)))
        yield done


@contextmanager
def no_pictures() -> Iterator[None]:
    """Drawing takes longest, and nobody looks."""
    with mock.patch.object(figures, "single_cmc", lambda *_: b"a picture"):
        yield


def contents(uri: str, out: Path) -> dict[str, Any]:
    """All that a store and a report's folder hold, but for times and ids."""
    store = open_store(uri)
    found: dict[str, Any] = {
        "out": _files(out),
        "beside": sorted(path.name for path in Path(uri[10:]).parent.iterdir()),
    }
    runs = [run for one in store.client.search_experiments() for run in store.client.search_runs([one.experiment_id])]
    names = {run.info.run_id: str(run.info.run_name) for run in runs}
    assert len(set(names.values())) == len(names), f"two runs of one name: {sorted(names.values())}"
    for run in runs:
        tags = {key: names.get(value, value) for key, value in run.data.tags.items()}
        folder = artifact_folder(run.info.artifact_uri, uri)
        assert folder is not None
        found[names[run.info.run_id]] = {
            "status": (run.info.status, run.info.lifecycle_stage),
            "params": dict(run.data.params),
            "tags": tags,
            "metrics": sorted(_points(store, run)),
            "latest": dict(run.data.metrics),
            "inputs": [(one.dataset.name, one.dataset.digest) for one in run.inputs.dataset_inputs],
            "artifacts": _files(folder),
        }
    return found


def _points(store: Store, run: Any) -> Iterator[tuple[str, int, float]]:
    for key in run.data.metrics:
        for point in store.client.get_metric_history(run.info.run_id, key):
            yield point.key, point.step, point.value


def _files(folder: Path) -> dict[str, str]:
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[:8] for path in paths}
