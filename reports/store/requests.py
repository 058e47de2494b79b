"""What a store answers: whether it is one, asked once where MLflow would try for minutes; then every question to it."""

import http.client
import os
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from reports.errors import NothingToReport, ReportError
from reports.store.uri import DEFAULT_URI, SERVERS, client_uri, error_sentence, shown

SECONDS = 10.0
PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3", "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1"}
"""A request that fails in the middle of a job is tried again for seconds, not minutes; a user's own stays."""
_TIMEOUTS = {"postgresql": {"connect_timeout": int(SECONDS)}, "mysql": {"connect_timeout": int(SECONDS)}}

T = TypeVar("T")


def check_answers(uri: str) -> None:
    """Ask a server or a database for a sign of life, once; a SQLite file is asked elsewhere.

    Raises:
        NothingToReport: nothing answers there, or it is out of order.
        ReportError: what answers is no MLflow server, or does not let us in; a database's driver is missing.
    """
    scheme = uri.partition(":")[0].lower()
    if scheme in SERVERS:
        _check_server(uri)
    elif scheme.split("+")[0] in ("postgresql", "mysql", "mssql"):
        _check_database(uri)


def _check_server(uri: str) -> None:
    """One request that every MLflow server answers with JSON, with the user's own credentials."""
    for name, value in PATIENCE.items():
        os.environ.setdefault(name, value)
    from mlflow.exceptions import MlflowException
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    place = shown(uri)
    instead = f"name another store, or unset MLFLOW_TRACKING_URI to use {DEFAULT_URI}"
    try:
        answer = http_request(
            get_default_host_creds(uri),
            "/api/2.0/mlflow/experiments/search",
            "POST",
            max_retries=0,
            timeout=SECONDS,
            raise_on_status=False,
            json={"max_results": 1},
        )
        status, found = int(answer.status_code), _json(answer)
    except (MlflowException, OSError, ValueError, http.client.HTTPException) as error:
        chain = list(_chain(error))
        if any(isinstance(one, http.client.HTTPException) for one in chain) or "SSL" in str(error):
            raise ReportError(
                f"{place} answers, but not as an MLflow server ({_why(chain, uri)}); {instead}."
            ) from None
        raise NothingToReport(
            f"no MLflow server answers at {place} ({_why(chain, uri)}); start one with `mlflow server`, or unset "
            f"MLFLOW_TRACKING_URI to use {DEFAULT_URI}."
        ) from None
    if status in (401, 403):
        raise ReportError(
            f"the server {place} does not let us in (HTTP {status}); give its user in MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD, or a token in MLFLOW_TRACKING_TOKEN."
        )
    if status >= 500:
        raise NothingToReport(f"the server {place} is out of order (HTTP {status}); try again later, or {instead}.")
    if status != 200 or not isinstance(found, dict) or "error_code" in found:
        what = f"HTTP {status}" if status != 200 else "a page that is no answer of MLflow's"
        raise ReportError(f"{place} answers, but not as an MLflow server ({what}); {instead}.")


def _json(answer: Any) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None


def _check_database(uri: str) -> None:
    """One connection."""
    import sqlalchemy

    place = shown(uri)
    try:
        options = _TIMEOUTS.get(uri.partition(":")[0].lower().split("+")[0], {})
        engine = sqlalchemy.create_engine(client_uri(uri), connect_args=options)
        try:
            engine.connect().close()
        finally:
            engine.dispose()
    except ImportError as error:
        raise ReportError(f"{place} needs a driver that is not installed ({error}); install it with pip.") from None
    except sqlalchemy.exc.OperationalError as error:
        raise NothingToReport(
            f"the database {place} does not answer ({error_sentence(error, uri)}); start it, or name another store."
        ) from None
    except (sqlalchemy.exc.SQLAlchemyError, OSError, ValueError, TypeError) as error:
        raise ReportError(
            f"the database {place} cannot be used ({error_sentence(error, uri)}); name another store."
        ) from None


def ask(uri: str, question: Callable[[], T]) -> T:
    """The answer to a question to MLflow; what it, its database or its server raises becomes one sentence.

    Raises:
        NothingToReport: the server is gone.
        ReportError: any other failure.
    """
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        return question()
    except (MlflowException, SQLAlchemyError, OSError, ImportError) as error:
        said = error_sentence(error, uri)
        if uri.lower().startswith(SERVERS) and ("Max retries" in said or "API request" in said):
            raise NothingToReport(f"the tracking server {shown(uri)} does not answer any more: {said}.") from None
        damaged = "malformed" in said or "not a database" in said
        remedy = " Its file is damaged; restore it from a copy." if damaged else ""
        raise ReportError(f"the tracking store {shown(uri)} did not answer: {said}.{remedy}") from None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and all that caused it; libraries put some causes into their arguments."""
    seen: list[BaseException] = []
    waiting = [error]
    while waiting:
        one = waiting.pop(0)
        if one is None or one in seen:
            continue
        seen.append(one)
        yield one
        waiting += [one.__cause__, one.__context__]
        waiting += [inner for inner in (*one.args, getattr(one, "reason", None)) if isinstance(inner, BaseException)]


def _why(chain: list[BaseException], uri: str) -> str:
    """The plainest reason in a chain of errors."""
    for one in chain:
        if "Timeout" in type(one).__name__ or isinstance(one, TimeoutError):
            return f"it did not answer within {SECONDS:g} s"
    for one in reversed(chain):
        if isinstance(one, http.client.HTTPException):
            return f"it said {error_sentence(one, uri)[:80]!r}"
    for one in reversed(chain):
        if isinstance(one, OSError) and one.strerror:
            return one.strerror.lower()
    return error_sentence(chain[0], uri)
