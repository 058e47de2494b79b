"""The home folder in the words of a command line."""

from pathlib import Path

import pytest

from files.arguments import words


def test_a_path_may_begin_with_the_home_folder_wherever_it_stands(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    given = [
        "verify",
        "~/x",
        "--data-root=~/x",
        "--out",
        "~",
        "--name=a~b",
        "--uri=sqlite:///~/x",
        "~nobody-at-all/x",
        "=~",
    ]
    home = str(tmp_path)
    assert words(given) == [
        *("verify", f"{home}/x", f"--data-root={home}/x", "--out", home),
        *given[5:],
    ]


def test_without_words_those_of_the_process_are_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["prog", "--work=~/runs"])
    assert words() == [f"--work={tmp_path}/runs"]
