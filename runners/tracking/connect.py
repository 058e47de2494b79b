"""Opening the tracking store: made once, whole, with errors a person can act on.

MLflow migrates a new SQLite file step by step; a second process that opens it meanwhile dies with "table already
exists", and one that is killed meanwhile leaves a file that nobody can open.  So the file is made elsewhere, under a
lock, and comes to its place whole.  Write-ahead logging lets readers and the writer work at the same time.
"""

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from shutil import copyfile
from typing import TYPE_CHECKING, Any, cast

from files import leftovers, lock
from reports.errors import NothingToReport, ReportError
from reports.store.reader import quieten
from reports.store.requests import ask, check_answers
from reports.store.sqlite_file import BUSY_SECONDS, state_of
from reports.store.uri import artifact_root, client_uri, sqlite_file, tracking_uri
from runners.errors import NotPossible, RunError
from runners.progress import note

if TYPE_CHECKING:
    from mlflow import MlflowClient


def connect(uri: str | None, busy_seconds: float = BUSY_SECONDS) -> "tuple[MlflowClient, str, str | None]":
    """Open the store, making a SQLite one where there is none.

    Args:
        uri: tracking URI; ``None`` reads ``MLFLOW_TRACKING_URI``, else ``sqlite:///mlflow.db`` here.
        busy_seconds: how long to wait for another program that is writing.

    Returns:
        client, resolved URI, and where artifacts of new experiments go (``None``: the server decides).

    Raises:
        RunError: for a URI that cannot be used, or a database that is locked, unwritable, damaged or not MLflow's.
        NotPossible: when a server does not answer.
    """
    quieten()
    with _as_run_errors():
        resolved = tracking_uri(uri)
        file = sqlite_file(resolved)
        check_answers(resolved)
    if file is None:
        served = resolved.startswith(("http", "databricks"))
        return _client(resolved), resolved, None if served else artifact_root(resolved).as_uri()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with held(resolved):
            with _as_run_errors():
                state = state_of(file, resolved, busy_seconds)
            if state != "ready":
                _make(file)
            _check_writable(file, busy_seconds)
            _use_write_ahead_log(file, busy_seconds)
            client = _client(resolved)
    except OSError as error:
        raise RunError(
            f"the tracking store {file} cannot be written ({error.strerror or error}); choose a folder "
            "you may write to with MLFLOW_TRACKING_URI=sqlite:///<file>."
        ) from None
    return client, resolved, artifact_root(resolved).as_uri()


def held(uri: str) -> AbstractContextManager[None]:
    """The lock of a SQLite store while it lasts; nothing for any other store, whose server orders its writers."""
    file = sqlite_file(uri)
    if file is None:
        return nullcontext()
    return lock.held(file.with_name(f"{file.name}.lock"), waiting=lambda owner: note(_waiting(file, owner)))


@contextlib.contextmanager
def _as_run_errors() -> Iterator[None]:
    """What the floor below says about a store, as errors of this floor."""
    try:
        yield
    except NothingToReport as error:
        raise NotPossible(str(error)) from None
    except ReportError as error:
        raise RunError(str(error)) from None


def _make(file: Path) -> None:
    """A new store: MLflow fills a database in a folder of the system's, which then comes to its place whole."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    leftovers.remove(file.parent)
    with leftovers.scratch() as scratch:
        made = Path(scratch) / "mlflow.db"
        uri = f"sqlite:///{made}"
        with _as_run_errors():
            store = ask(uri, lambda: SqlAlchemyStore(uri, artifact_root(f"sqlite:///{file}").as_uri()))
        store.engine.dispose()
        SqlAlchemyStore._engine_map.pop(uri, None)
        partial = file.with_name(f".{file.name}.{os.getpid()}.partial")
        try:
            copyfile(made, partial)
            for left in ("-wal", "-shm", "-journal"):  # of the half-made store whose place it takes
                file.with_name(file.name + left).unlink(missing_ok=True)
            partial.replace(file)
        finally:
            partial.unlink(missing_ok=True)


def _waiting(file: Path, owner: str) -> str:
    who = f"another process ({owner})" if owner else "another process"
    return f"{who} is writing to the tracking store {file}; waiting for it ..."


def _check_writable(file: Path, busy_seconds: float) -> None:
    try:
        connection = sqlite3.connect(file, timeout=busy_seconds, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        finally:
            connection.close()
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise RunError(
                f"the tracking store {file} is locked: another program has been writing for more than "
                f"{busy_seconds:g} s; wait for it or end it, then run the same command again."
            ) from None
        raise RunError(
            f"the tracking store {file} cannot be written ({error}); choose another file with "
            "MLFLOW_TRACKING_URI=sqlite:///<file>."
        ) from None
    except sqlite3.DatabaseError as error:
        raise RunError(
            f"{file} is not a SQLite database ({error}); move it away or choose another file with "
            "MLFLOW_TRACKING_URI=sqlite:///<file>."
        ) from None


def _use_write_ahead_log(file: Path, busy_seconds: float) -> None:
    connection = sqlite3.connect(file, timeout=busy_seconds)
    try:
        with contextlib.suppress(sqlite3.OperationalError):  # an optimisation; some file systems refuse it
            connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()


class _ClientWithRunErrors:
    """An MLflow client whose failures are sentences of this floor."""

    def __init__(self, client: "MlflowClient", uri: str) -> None:
        self._client, self._uri = client, uri

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        return self._asking(found) if callable(found) else found

    def _asking(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def asked(*values: Any, **named: Any) -> Any:
            with _as_run_errors():
                return ask(self._uri, lambda: method(*values, **named))

        return asked


def _client(uri: str) -> "MlflowClient":
    """Import MLflow (seconds, so only here), and prove with one request that the store answers."""
    from mlflow import MlflowClient

    with _as_run_errors():
        client = cast(
            "MlflowClient", _ClientWithRunErrors(ask(uri, lambda: MlflowClient(tracking_uri=client_uri(uri))), uri)
        )
        client.search_experiments(max_results=1)
    return client
