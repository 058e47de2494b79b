"""Opening the tracking store: made once, whole, with errors a person can act on.

MLflow migrates a new SQLite file step by step, and a second process that opens it meanwhile dies with
"table already exists"; so the file is made under a lock.  Write-ahead logging lets readers and the writer
work at the same time.
"""

import contextlib
import logging
import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from files import lock
from reports.errors import NothingToReport, ReportError
from reports.location import check_reachable, sqlite_file, tracking_uri
from runners.errors import NotPossible, RunError
from runners.progress import note

if TYPE_CHECKING:
    from mlflow import MlflowClient

BUSY_SECONDS = 20.0
ARTIFACT_FOLDER = "mlartifacts"
NOISY = ("alembic", "mlflow.store.db.utils", "mlflow.tracking.fluent")


def connect(uri: str | None, busy_seconds: float = BUSY_SECONDS) -> "tuple[MlflowClient, str, str | None]":
    """Open the store, making a SQLite one where there is none.

    Args:
        uri: tracking URI; ``None`` reads ``MLFLOW_TRACKING_URI``, else ``sqlite:///mlflow.db`` here.
        busy_seconds: how long to wait for another program that is writing.

    Returns:
        client, resolved URI, and where artifacts of new experiments go (``None``: the server decides).

    Raises:
        RunError: for a URI that cannot be used, or a database that is locked, unwritable, or not MLflow's.
        NotPossible: when a server does not answer.
    """
    try:
        resolved = tracking_uri(uri)
        file = sqlite_file(resolved)
        check_reachable(resolved)
    except NothingToReport as error:
        raise NotPossible(str(error)) from None
    except ReportError as error:
        raise RunError(str(error)) from None
    if file is None:
        location = None if resolved.startswith(("http", "databricks")) else _artifacts_in(Path.cwd())
        return _client(resolved), resolved, location
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with lock.held(file.with_name(f"{file.name}.lock"), waiting=lambda owner: note(_waiting(file, owner))):
            _check_writable(file, busy_seconds)
            _use_write_ahead_log(file, busy_seconds)  # first: it spares the making of a new store most of its waiting
            client = _client(resolved)
    except OSError as error:
        raise RunError(
            f"the tracking store {file} cannot be written ({error.strerror or error}); choose a folder "
            "you may write to with MLFLOW_TRACKING_URI=sqlite:///<file>."
        ) from None
    return client, resolved, _artifacts_in(file.parent)


def _artifacts_in(folder: Path) -> str:
    return (folder / ARTIFACT_FOLDER).absolute().as_uri()


def _waiting(file: Path, owner: str) -> str:
    return f"another process{f' ({owner})' if owner else ''} is opening the tracking store {file}; waiting for it ..."


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


def _client(uri: str) -> "MlflowClient":
    """Import MLflow (seconds, so only here), quietly, and prove with one request that the store answers."""
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # stdout is for --json
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)
    try:
        client = MlflowClient(tracking_uri=uri)
        client.search_experiments(max_results=1)
    except MlflowException as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        if "out-of-date" in str(error):
            raise RunError(
                f"the tracking store {uri} was made by another MLflow version; save a copy and run "
                f"`mlflow db upgrade {uri}`."
            ) from None
        raise RunError(f"the tracking store {uri} cannot be used: {first.rstrip('.')}.") from None
    except Exception as error:  # SQLAlchemy and HTTP errors share no base; the first line says what happened
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RunError(f"the tracking store {uri} cannot be opened: {first.rstrip('.')}.") from None
    return client
