"""What a SQLite file is before MLflow opens it: MLflow would fill a stranger's database with tables, or upgrade one."""

import shlex
import sqlite3
from functools import cache
from pathlib import Path
from typing import Literal

from reports.errors import NothingToReport, ReportError
from reports.store.uri import client_uri, error_sentence, sqlite_file

State = Literal["absent", "empty", "half made", "ready"]
OTHER = "name another store with --tracking-uri or MLFLOW_TRACKING_URI=sqlite:///<file>"
BUSY_SECONDS = 20.0
_TABLES = {"experiments", "runs", "alembic_version"}  # of every MLflow since 1.0


def check_readable(uri: str) -> None:
    """Make sure that a SQLite store is there and is one.

    Raises:
        NothingToReport: when the file does not exist, or holds nothing yet.
        ReportError: when it is no MLflow database, or one of another version.
    """
    file = sqlite_file(uri)
    if file is None:
        return
    state = state_of(file, uri)
    if state != "ready":
        what = {"absent": "no tracking store at", "empty": "nothing in", "half made": "nothing in the half-made"}[state]
        raise NothingToReport(
            f"{what} {file}; run `python -m runners.reproduce` there first, or name the store with --tracking-uri or "
            "MLFLOW_TRACKING_URI."
        )


def state_of(file: Path, uri: str, busy_seconds: float = BUSY_SECONDS) -> State:
    """What is there; nothing is written.

    Args:
        file: the database.
        uri: of the store, for its messages.
        busy_seconds: how long to wait for another program that is writing.

    Returns:
        ``"half made"`` is a store whose making was cut off: of an older or no version, without any run.

    Raises:
        ReportError: it is no file, no SQLite database, a damaged one, another program's, or of another MLflow.
    """
    try:
        if file.is_dir():
            raise ReportError(f"{file} is a folder, expected a SQLite file; name one, such as {file / 'mlflow.db'}.")
        if not file.exists():
            return "absent"
        if not file.is_file():
            raise ReportError(f"{file} is no file, expected a SQLite file; {OTHER}.")
        if not file.stat().st_size:
            return "empty"
        connection = sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=busy_seconds)
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ReportError(f"the tracking store {file} cannot be opened ({str(reason).lower()}); {OTHER}.") from None
    try:
        return _state(connection, file, uri)
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise ReportError(
                f"the tracking store {file} is locked: another program has been writing for more than "
                f"{busy_seconds:g} s; wait for it or end it, then run the same command again."
            ) from None
        raise ReportError(
            f"the tracking store {file} cannot be read ({error_sentence(error, uri)}); {OTHER}."
        ) from None
    except sqlite3.Error as error:
        if "not a database" in str(error):
            raise ReportError(f"{file} is not a SQLite database ({error}); move it away, or {OTHER}.") from None
        raise ReportError(
            f"the tracking store {file} is damaged ({error_sentence(error, uri)}); restore it from a copy, or move "
            "it and the folder mlartifacts beside it away."
        ) from None
    finally:
        connection.close()


def _state(connection: sqlite3.Connection, file: Path, uri: str) -> State:
    names = {str(row[0]) for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    names = {name for name in names if not name.startswith("sqlite_")}
    if not names:
        return "empty"
    if not names & _TABLES or ("experiments" in names and not _is_mlflows(connection)):
        some = ", ".join(sorted(names)[:3])
        raise ReportError(
            f"{file} is a SQLite database without MLflow tables (it has {some}), so it belongs to another program; "
            f"{OTHER}."
        )
    version = _first(connection, "SELECT version_num FROM alembic_version") if "alembic_version" in names else None
    known, newest = _versions()
    if version == newest and names >= _TABLES:
        return "ready"
    if version is not None and version not in known:
        raise ReportError(
            f"the tracking store {file} was made by a newer MLflow, or by another program (its version {version} is "
            f"not known here); use that MLflow, or {OTHER}."
        )
    runs = _first(connection, "SELECT count(*) FROM runs") if "runs" in names else 0
    others = "SELECT count(*) FROM experiments WHERE name <> 'Default'"
    if not runs and not ("experiments" in names and _first(connection, others)):
        return "half made"
    raise ReportError(
        f"the tracking store {file} was made by another MLflow version; save a copy and run "
        f"`mlflow db upgrade {shlex.quote(client_uri(uri))}`."
    )


def _is_mlflows(connection: sqlite3.Connection) -> bool:
    columns = {str(row[1]) for row in connection.execute("PRAGMA table_info(experiments)")}
    return {"experiment_id", "name", "artifact_location"} <= columns


def _first(connection: sqlite3.Connection, query: str) -> object:
    row = connection.execute(query).fetchone()
    return row[0] if row else None


@cache
def _versions() -> tuple[frozenset[str], str]:
    """All versions of MLflow's tables that the installed MLflow knows, and the newest."""
    from alembic.script import ScriptDirectory
    from mlflow.store import db_migrations

    scripts = ScriptDirectory(str(Path(str(db_migrations.__path__[0]))))
    known = [str(one.revision) for one in scripts.walk_revisions()]
    return frozenset(known), known[0]
