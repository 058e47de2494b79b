"""A tracking URI that leads elsewhere ends in one sentence at once: servers of other kinds, databases of others."""

import http.server
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reports.errors import NothingToReport, ReportError
from reports.store.reader import open_reader
from runners.errors import NotPossible, RunError
from runners.plan import environment
from runners.tracking.mlflow_writer import open_store
from tests.reports import fake
from tests.runners import recorded


@pytest.fixture
def answering() -> Iterator[Callable[[int, bytes], int]]:
    """``answering(status, body)`` gives the port of a server that answers everything so."""
    running: list[http.server.ThreadingHTTPServer] = []

    def start(status: int, body: bytes) -> int:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST

            def log_message(self, *_: object) -> None:
                return

        running.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=running[-1].serve_forever, args=(0.02,), daemon=True).start()
        return running[-1].server_port

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


@pytest.fixture
def ssh() -> Iterator[int]:
    """The port of something that greets as an SSH server does."""
    listening = socket.create_server(("127.0.0.1", 0))

    def greet() -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            client.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")
            client.close()

    threading.Thread(target=greet, daemon=True).start()
    yield listening.getsockname()[1]
    listening.close()


def both(uri: str, bad: bool, words: str) -> None:
    """Writer and reader say the same: exit code 2 for bad input, 3 where the store cannot be reached."""
    for opening, kind in (
        (open_store, RunError if bad else NotPossible),
        (open_reader, ReportError if bad else NothingToReport),
    ):
        with pytest.raises(kind, match=words) as raised:
            opening(uri)
        assert type(raised.value) is kind
        assert "s3cret" not in str(raised.value)
        assert "\n" not in str(raised.value)


def test_something_that_is_no_web_server(ssh: int) -> None:
    both(f"http://me:s3cret@127.0.0.1:{ssh}", True, "answers, but not as an MLflow server .*SSH-2.0")


@pytest.mark.parametrize(
    ("status", "body", "bad", "words"),
    [
        (404, b"<html>not found</html>", True, "not as an MLflow server .HTTP 404"),
        (200, b"<html>a wiki</html>", True, "no answer of MLflow's"),
        (200, b"[]", True, "no answer of MLflow's"),
        (401, b"who are you", True, "does not let us in"),
        (500, b"oops", False, "out of order"),
        (503, b"later", False, "out of order"),
    ],
)
def test_a_web_server_that_is_not_mlflows(
    answering: Callable[[int, bytes], int], status: int, body: bytes, bad: bool, words: str
) -> None:
    both(f"http://me:s3cret@127.0.0.1:{answering(status, body)}", bad, words)


def test_a_server_that_is_not_there_is_told_without_its_password() -> None:
    both("http://me:s3cret@127.0.0.1:9", False, "no MLflow server answers at http://127.0.0.1:9 .connection refused")


def test_a_database_whose_driver_is_missing() -> None:
    both("mssql://me:s3cret@127.0.0.1/runs", True, r"mssql://\*\*\*@127.0.0.1/runs needs a driver")


def changed(folder: Path, *statements: str) -> str:
    uri = fake.fresh(folder)
    connection = sqlite3.connect(uri.removeprefix("sqlite:///"))
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    return uri


def test_databases_of_others_are_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "mine.db"
    for statement in ("CREATE TABLE thoughts (text)", "CREATE TABLE experiments (number)"):
        connection = sqlite3.connect(file)
        connection.execute(statement)
        connection.commit()
        connection.close()
        before = file.read_bytes()
        both(f"sqlite:///{file}", True, "belongs to another program")
        assert file.read_bytes() == before


def test_databases_of_other_versions(tmp_path: Path) -> None:
    new = changed(tmp_path / "new", "UPDATE alembic_version SET version_num = 'ffffffffffff'")
    both(new, True, "made by a newer MLflow, or by another program")
    older = "UPDATE alembic_version SET version_num = '451aebb31d03'"
    old = changed(tmp_path / "old", older, "INSERT INTO experiments (name) VALUES ('mine')")
    both(old, True, "mlflow db upgrade sqlite:///")


def test_a_store_whose_making_was_cut_off_is_made_again(tmp_path: Path) -> None:
    half = changed(tmp_path, "DELETE FROM alembic_version", "DROP TABLE inputs")
    with pytest.raises(NothingToReport, match="half-made"):
        open_reader(half)
    recorded.begin(open_store(half))
    assert open_reader(half).experiments("reid/") == ["reid/synthwalk/res50-rgb-single-pass"]


def test_a_folder_and_a_damaged_file_in_place_of_a_database(tmp_path: Path) -> None:
    both(f"sqlite:///{tmp_path}", True, "is a folder, expected a SQLite file")
    uri = fake.fresh(tmp_path / "cut")
    file = Path(uri.removeprefix("sqlite:///"))
    content = file.read_bytes()
    file.write_bytes(content[: 4096 * 3] + b"\xff" * 4096 * 20 + content[4096 * 23 :])
    both(uri, True, "is damaged")


def test_a_store_that_is_lost_in_the_middle_of_a_job_is_one_sentence(tmp_path: Path) -> None:
    uri = fake.fresh(tmp_path)
    store = open_store(uri)
    parent = recorded.begin(store)
    connection = sqlite3.connect(uri.removeprefix("sqlite:///"))
    connection.execute("DROP TABLE tags")
    connection.commit()
    connection.close()
    with pytest.raises(RunError, match=r"did not answer.*no such table"):
        recorded.record(store, parent)


def test_a_recorded_command_has_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    words = [
        "--tracking-uri",
        "http://me:s3cret w@host:5000",
        "--tracking-uri=postgresql://me:s3cret@h/x",
        "--a",
        "b@c",
    ]
    monkeypatch.setattr("sys.argv", ["x", *words])
    command = environment.command_line()
    assert "s3cret" not in command
    assert "http://host:5000" in command
    assert command.endswith("--a b@c")
