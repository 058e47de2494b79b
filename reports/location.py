"""Where the tracking store is: reading a tracking URI, with errors a person can act on."""

import os
import sqlite3
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from reports.errors import NothingToReport, ReportError

DEFAULT_URI = "sqlite:///mlflow.db"
SERVER_SECONDS = 10.0
DATABASES = ("sqlite", "postgresql", "mysql", "mssql")


def tracking_uri(uri: str | None = None) -> str:
    """The URI to use: the given one, else ``MLFLOW_TRACKING_URI``, else ``sqlite:///mlflow.db`` here.

    A relative SQLite path is made absolute, so that a later change of folder does not matter.

    Raises:
        ReportError: for a folder store, which MLflow 3 no longer writes, and for an unknown scheme.
    """
    text = (uri or os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI).strip()
    scheme = urlsplit(text).scheme.split("+")[0]
    if scheme in ("http", "https", "databricks") or text == "databricks":
        return text
    if scheme in ("", "file"):
        raise ReportError(
            f"tracking URI {text!r} is a folder store, which MLflow 3 has retired; use {DEFAULT_URI} or a "
            "server (http://...), and move old runs over with `mlflow migrate-filestore`."
        )
    if scheme not in DATABASES:
        raise ReportError(
            f"tracking URI {text!r} is not understood; use {DEFAULT_URI}, another database that MLflow "
            "supports, or a server (http://...)."
        )
    file = sqlite_file(text)
    return text if file is None else f"{text.split(':', 1)[0]}:///{file}"


def sqlite_file(uri: str) -> Path | None:
    """The database file of a SQLite URI, absolute; ``None`` for any other URI.

    Raises:
        ReportError: for an in-memory database, which ends with the process.
    """
    scheme, _, rest = uri.partition("://")
    if scheme.split("+")[0] != "sqlite":
        return None
    path = rest.partition("?")[0].removeprefix("/")  # sqlite:///relative or ////absolute
    if not path or path == ":memory:":
        raise ReportError(f"tracking URI {uri!r} names no file; an in-memory store would be lost, use {DEFAULT_URI}.")
    return Path(path).expanduser().absolute()


def local_folder(uri: str) -> Path | None:
    """The folder of an artifact URI that lies on this machine; ``None`` for one that has to be fetched."""
    parts = urlsplit(uri)
    if parts.scheme not in ("", "file") or parts.netloc not in ("", "localhost"):
        return None
    return Path(url2pathname(parts.path)) if parts.scheme else Path(uri)


def check_reachable(uri: str) -> None:
    """Ask a server for a sign of life, once; MLflow itself would try for minutes.

    Raises:
        NothingToReport: when no server answers.
    """
    if not uri.startswith(("http://", "https://")):
        return
    try:
        with urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=SERVER_SECONDS):
            return
    except urllib.error.HTTPError:
        return  # something answers; whether it lets us in shows with the first real request
    except (urllib.error.URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise NothingToReport(
            f"no MLflow server answers at {uri} ({reason}); start one with `mlflow server`, or unset "
            f"MLFLOW_TRACKING_URI to use {DEFAULT_URI}."
        ) from None


def check_readable(uri: str) -> None:
    """Make sure that a SQLite store is there and is one.

    Raises:
        NothingToReport: when the file does not exist.
        ReportError: when it is not an MLflow database.
    """
    file = sqlite_file(uri) if uri.startswith("sqlite") else None
    if file is None:
        return
    if not file.is_file():
        raise NothingToReport(
            f"no tracking store at {file}; run `python -m runners.reproduce` there first, or name the store "
            "with --tracking-uri or MLFLOW_TRACKING_URI."
        )
    try:
        connection = sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=20)
        try:
            query = "SELECT count(*) FROM sqlite_master WHERE name = 'experiments'"
            tables = connection.execute(query).fetchone()
        finally:
            connection.close()
    except sqlite3.DatabaseError as error:
        raise ReportError(f"{file} is not readable as an MLflow database ({error}); name another.") from None
    if not tables[0]:
        raise ReportError(f"{file} is a SQLite file without MLflow tables; name the store that a run wrote.")
