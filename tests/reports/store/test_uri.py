"""What a tracking URI says, what of it may be shown, and where the artifacts of a store lie."""

import os
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from reports.errors import ReportError
from reports.store.uri import (
    artifact_folder,
    client_uri,
    error_sentence,
    shown,
    sqlite_file,
    tracking_uri,
    without_secrets,
)

ODD = ("feature%2Fnew", "a?b", "a?b=c", "a#b", "two words", "Zürich", "100%", "%41", "a;b&c=d", "a:b@c",
       os.fsdecode(b"caf\xe9"))  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_a_path_is_taken_as_it_is_written(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    uri = tracking_uri()
    assert tracking_uri(uri) == uri
    assert sqlite_file(uri) == folder / "mlflow.db"
    assert make_url(client_uri(uri)).database == str(folder / "mlflow.db")  # as SQLAlchemy, and so MLflow, reads it
    artifacts = (folder / "mlartifacts" / "0123" / "artifacts").as_uri()
    assert artifact_folder(artifacts, uri) == folder / "mlartifacts" / "0123" / "artifacts"


def test_options_of_a_sqlite_uri_are_no_part_of_its_path() -> None:
    assert sqlite_file("sqlite:////data/mlflow.db?timeout=30") == Path("/data/mlflow.db")


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("http://[::1", "misspelt"),
        ("http://localhost:abc", "a port that is no number"),
        ("http://localhost:99999", "a port that is no number"),
        ("http://me:s3cret/x@host:5000", "misspelt"),
        ("postgresql://me:s3cret@host:x/runs", "misspelt"),
        ("http://", "names no host"),
        ("sqlite://mlflow.db", "three before a relative path"),
        ("sqlite:////data/\0.db", "zero byte"),
        ("gopher://me:s3cret@host", "not understood"),
        ("http:/host", "folder store"),
    ],
)
def test_a_uri_that_cannot_be_used_is_one_sentence_without_its_password(uri: str, words: str) -> None:
    with pytest.raises(ReportError, match=words) as raised:
        tracking_uri(uri)
    assert "s3cret" not in str(raised.value)
    assert "s3" not in str(raised.value)


@pytest.mark.parametrize(
    ("uri", "public"),
    [
        ("http://host:5000", "http://host:5000"),
        ("http://me:s3cret@host:5000/mlflow", "http://host:5000/mlflow"),
        ("https://tok3n@host", "https://host"),
        ("http://me:p@ss/w:rd@host", "http://host"),
        ("postgresql+psycopg2://me:s3cret@host/runs", "postgresql+psycopg2://***@host/runs"),
        ("mysql://host/runs?user=me&password=s3cret", "mysql://host/runs?user=me&password=***"),
        ("sqlite:////srv/a@b/x:y@z.db", "sqlite:////srv/a@b/x:y@z.db"),
    ],
)
def test_nothing_of_a_password_is_shown(uri: str, public: str) -> None:
    assert shown(uri) == public


def test_passwords_in_a_text_are_hidden() -> None:
    text = "python -m x --tracking-uri http://me:s3cret@h:5000 --other 'mysql://h/x?password=s3cret' me@example.org"
    hidden = without_secrets(text)
    assert "s3cret" not in hidden
    assert hidden.startswith("python -m x --tracking-uri http://***@h:5000 --other 'mysql://h/x?password=***'")
    assert hidden.endswith(" me@example.org")
    error = ValueError("cannot parse http://me:s3cret@h: bad 's3cret'\nmore")
    assert error_sentence(error, "http://me:s3cret@h") == "cannot parse http://h: bad '***'"


def test_artifacts_lie_beside_the_store_wherever_it_was_made(tmp_path: Path) -> None:
    stored = "file:///srv/old/project/mlartifacts/12ab/artifacts"
    moved = f"sqlite:///{tmp_path / 'mlflow.db'}"
    assert artifact_folder(stored, moved) == tmp_path / "mlartifacts" / "12ab" / "artifacts"
    assert artifact_folder(stored, "sqlite:////srv/old/project/mlflow.db") == Path(stored.removeprefix("file://"))
    nested = "file:///old/mlartifacts/mlartifacts/12ab/artifacts"  # a project's folder may have that name too
    assert artifact_folder(nested, moved) == tmp_path / "mlartifacts" / "12ab" / "artifacts"


def test_other_places_are_left_as_they_are() -> None:
    store = "sqlite:////data/mlflow.db"
    assert artifact_folder("file:///elsewhere/12ab/artifacts", store) == Path("/elsewhere/12ab/artifacts")
    assert artifact_folder("/elsewhere/12ab/artifacts", store) == Path("/elsewhere/12ab/artifacts")
    assert artifact_folder("mlflow-artifacts:/1/12ab/artifacts", store) is None
    assert artifact_folder("s3://bucket/mlartifacts/12ab", store) is None
    assert artifact_folder("file:///a/mlartifacts/1/artifacts", "http://h:1") == Path("/a/mlartifacts/1/artifacts")


def test_a_store_under_two_names_is_one_store(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "mlflow.db").touch()
    (tmp_path / "link.db").symlink_to(tmp_path / "real" / "mlflow.db")
    stored = (tmp_path / "real" / "mlartifacts" / "12ab").as_uri()
    assert artifact_folder(stored, f"sqlite:///{tmp_path / 'link.db'}") == tmp_path / "real" / "mlartifacts" / "12ab"
