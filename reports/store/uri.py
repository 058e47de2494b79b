"""Where the tracking store is: reading a tracking URI, what of it may be shown, and where its artifacts lie."""

import os
import re
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit
from urllib.request import url2pathname

from reports.errors import ReportError

DEFAULT_URI = "sqlite:///mlflow.db"
ARTIFACT_FOLDER = "mlartifacts"
DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
SERVERS = ("http", "https")

_WORDS = r"[a-z0-9_.-]*(?:pass(?:word|wd)?|pwd|token|secret|sig(?:nature)?|api-?key)[a-z0-9_.-]*"
_IN_QUERY = re.compile(rf"([?&;]{_WORDS}=)[^&#;\s'\"]*", re.IGNORECASE)
_IN_AUTHORITY = re.compile(r"(\b[a-z][a-z0-9+.-]*://)(?:[^\s/@'\"<>]+|[^\s/@:'\"<>]*:[^\s'\"<>]*)@", re.IGNORECASE)
HIDDEN = "***"


def tracking_uri(uri: str | None = None) -> str:
    """The URI to use: the given one, else ``MLFLOW_TRACKING_URI``, else ``sqlite:///mlflow.db`` here.

    A relative SQLite path is made absolute, so that a later change of folder does not matter.

    Raises:
        ReportError: for a folder store, which MLflow 3 no longer writes, for an unknown scheme, and for an address
            that has no host or a port that is no number.
    """
    text = (uri or os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI).strip()
    scheme = ""
    if "://" in text:
        written, _, rest = text.partition("://")
        text = f"{written.lower()}://{rest}"
        scheme = written.lower().split("+")[0]
    if scheme in SERVERS:
        _check_address(text)
        return text
    if scheme == "databricks" or text == "databricks":
        return text
    if scheme in ("", "file") and not text.lower().startswith(tuple(f"{name}:" for name in DATABASES)):
        raise ReportError(
            f"tracking URI {shown(text)!r} is a folder store, which MLflow 3 has retired; use {DEFAULT_URI} or a "
            "server (http://...), and move old runs over with `mlflow migrate-filestore`."
        )
    if scheme not in DATABASES:
        raise ReportError(
            f"tracking URI {shown(text)!r} is not understood; use {DEFAULT_URI}, another database that MLflow "
            "supports, or a server (http://...)."
        )
    file = sqlite_file(text)
    if file is None:
        _check_address(text)
        return text
    return f"{text.split(':', 1)[0]}:///{file}"


def _check_address(uri: str) -> None:
    """Refuse an address that cannot be taken apart; `urlsplit` answers some of them with a bare ValueError."""
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:  # its text may quote a piece of the password
        raise ReportError(
            f"tracking URI {shown(uri)!r} is misspelt (a port that is no number, or a bracket without its partner); "
            "expected something like http://host:5000, with special characters of a password written as %XX."
        ) from None
    if not host and parts.scheme in SERVERS:
        raise ReportError(f"tracking URI {shown(uri)!r} names no host; expected something like http://host:5000.")


def sqlite_file(uri: str) -> Path | None:
    """The database file of a SQLite URI, absolute; ``None`` for any other URI.

    The path is taken as it is written: ``%2F``, ``#`` and ``?`` are parts of names.  Only what looks like options
    behind the last ``?`` (``timeout=30``, without a slash) is none of it.

    Raises:
        ReportError: for an in-memory database, which ends with the process, and for a host.
    """
    scheme, _, rest = uri.partition("://")
    if scheme.lower().split("+")[0] != "sqlite":
        return None
    path, _, options = rest.rpartition("?")
    if not re.fullmatch(r"\w+=[^/\\]*", options):
        path = rest
    if path and not path.startswith("/"):
        raise ReportError(
            f"tracking URI {shown(uri)!r} has {2 + len(rest) - len(rest.lstrip('/'))} slashes; write three before a "
            "relative path (sqlite:///mlflow.db), four before an absolute one (sqlite:////data/mlflow.db)."
        )
    path = path.removeprefix("/")  # sqlite:///relative or ////absolute
    if not path or path == ":memory:":
        raise ReportError(f"tracking URI {uri!r} names no file; an in-memory store would be lost, use {DEFAULT_URI}.")
    if "\0" in path:
        raise ReportError(f"tracking URI {uri!r} holds a zero byte, which no file's name can have.")
    return Path(path).expanduser().absolute()


def client_uri(uri: str) -> str:
    """What MLflow is given for a URI from :func:`tracking_uri`.

    SQLAlchemy decodes ``%XX`` in the path of a SQLite URI and ends it at ``?``, so such a path is encoded here; the
    long form of the scheme then keeps MLflow from making a folder of the encoded name.
    """
    file = sqlite_file(uri)
    if file is None:
        return uri
    quoted = str(file).replace("%", "%25").replace("?", "%3F")
    return f"sqlite:///{file}" if quoted == str(file) else f"sqlite+pysqlite:///{quoted}"


def shown(uri: str) -> str:
    """A URI without name and password of a user, for messages, pages and records.

    Example:
        >>> shown("http://me:secret@host:5000"), shown("postgresql://me:secret@host/runs")
        ('http://host:5000', 'postgresql://***@host/runs')
    """
    scheme, found, rest = uri.partition("://")
    if not found:
        return without_secrets(uri)
    if scheme.lower().split("+")[0] == "sqlite":
        return uri
    before, at, after = rest.rpartition("@")
    slash = before.find("/")
    if at and (slash < 0 or ":" in before[:slash]):  # a password may hold a slash; a path may hold an @
        return (
            scheme + "://" + ("" if scheme.lower() in SERVERS else f"{HIDDEN}@") + _IN_QUERY.sub(rf"\1{HIDDEN}", after)
        )
    return without_secrets(uri)


def without_secrets(text: str) -> str:
    """A text in which no URI has a user's name, password or token any more.

    Example:
        >>> without_secrets("--tracking-uri http://me:secret@host:5000 --seeds 3")
        '--tracking-uri http://***@host:5000 --seeds 3'
    """
    return _IN_QUERY.sub(rf"\1{HIDDEN}", _IN_AUTHORITY.sub(rf"\1{HIDDEN}@", text))


def error_sentence(error: BaseException, uri: str) -> str:
    """The first line of a library's error about a store, without its password and full stop."""
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    first = _hidden(first, uri)
    return (first if len(first) <= 300 else f"{first[:300].rsplit(maxsplit=1)[0]} ...").rstrip(".")


def _hidden(text: str, uri: str) -> str:
    """A text without what stands as password in a URI, in whatever part of it."""
    text = text.replace(uri, shown(uri))
    before = uri.partition("://")[2].rpartition("@")[0]
    for secret in {before, before.partition(":")[2]}:
        if len(secret) > 2:
            text = text.replace(secret, HIDDEN)
    return without_secrets(text)


def artifact_root(uri: str) -> Path:
    """Where the artifacts of a SQLite store lie: in ``mlartifacts`` beside it; of another database, here."""
    file = sqlite_file(uri)
    return (file.parent if file else Path.cwd()).absolute() / ARTIFACT_FOLDER


def artifact_folder(artifact_uri: str, store: str) -> Path | None:
    """The folder of a run's artifacts on this machine; ``None`` for those that have to be fetched.

    MLflow stores an absolute address.  A store that was renamed, moved or copied with its folder would lead to the old
    place, so what this suite put into ``mlartifacts`` beside a SQLite file is looked for beside that file, and nowhere
    else: of a store and its copy, each has its own.

    Args:
        artifact_uri: as MLflow has it.
        store: tracking URI of the store, from :func:`tracking_uri`.
    """
    stored = _local_path(artifact_uri)
    file = sqlite_file(store)
    if stored is None or file is None or ARTIFACT_FOLDER not in stored.parts:
        return stored
    last = len(stored.parts) - 1 - stored.parts[::-1].index(ARTIFACT_FOLDER)
    if stored.parts[:last] == file.resolve().parent.parts:  # the store has two names, and was made under the other one
        return stored
    return Path(file.parent, *stored.parts[last:])


def _local_path(uri: str) -> Path | None:
    """What a bare path or the URI of a file leads to; ``None`` for any other URI."""
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", uri):  # one letter is a drive of Windows
        return Path(uri)
    parts = urlsplit(uri.replace("?", "%3F").replace("#", "%23"))  # MLflow itself appends to the path only
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        return None
    if os.name == "nt":
        return Path(url2pathname(parts.path))
    return Path(os.fsdecode(unquote_to_bytes(parts.path.encode("utf-8", "surrogateescape"))))
