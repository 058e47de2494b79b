"""The live table: what it says of every arm, and that bars and notes reach it while it is drawn."""

from contextlib import nullcontext
from typing import Any

import pytest

from runners.cli.live_table import Scoreboard
from runners.progress import note, shown_on, step_bar

KEY = ("rgb-snippets", "gltr", "gltr")


@pytest.fixture
def board() -> Scoreboard:
    board = Scoreboard(missing=3)
    board.enter(KEY, "GLTR", (0, 1))
    return board


def test_a_line_shows_the_mean_of_the_seeds_so_far(board: Scoreboard) -> None:
    line = board.lines[KEY]
    assert (line.cells, line.words) == (("", ""), "waiting")
    board.result(KEY, (0, 0), (40.0, 50.0), False)
    assert (line.cells, line.words) == (("40.0", "50.0"), "waiting (1 of 2 seeds)")
    board.result(KEY, (1, 0), (43.0, 51.0), True)
    assert (line.cells, line.words) == (("41.5", "50.5"), "made")


def test_heads_and_seeds_are_counted_together_and_averaged_over_what_is_there(board: Scoreboard) -> None:
    board.enter(KEY, "GLTR", (0, 1), heads=2)
    line = board.lines[KEY]
    for training, precision in (((0, 0), 40.0), ((0, 1), 41.0), ((1, 0), 45.0)):
        board.result(KEY, training, (precision, 50.0), True)
    assert (line.cells, line.words) == (("42.0", "50.0"), "waiting (3 of 4 seeds and heads)")
    board.result(KEY, (1, 1), (46.0, 50.0), True)
    assert (line.cells[0], line.words) == ("43.0", "made")


def test_off_a_terminal_every_result_is_a_line_with_what_remains(
    board: Scoreboard, capsys: pytest.CaptureFixture[str]
) -> None:
    with board.drawn():
        assert not board.on_screen  # bars go on as in every other command
        board.result(KEY, (0, 0), (40.0, 50.0), False)
        board.result(KEY, (1, 0), (43.0, 51.0), True)
        board.enter(("p", "x", "y"), "Y", (0,))
        board.rejected(("p", "x", "y"), "rgb: it takes flow")
    lines = capsys.readouterr().err.splitlines()
    assert "there already" in lines[0] and "to be made" not in lines[0]
    assert "made; 2 to be made, about 1 min" in lines[1]
    assert lines[2].endswith("turns x/y away: rgb: it takes flow")


def test_a_screen_takes_bars_and_notes_over_and_gives_them_back(capsys: pytest.CaptureFixture[str]) -> None:
    told: list[str] = []

    class Screen:
        def bar(self, title: str, total: int, unit: str, done: int) -> Any:
            told.append(f"{title} {done}/{total} {unit}")
            return nullcontext()

        def note(self, text: str) -> None:
            told.append(text)

    with shown_on(Screen()):
        note("inside")
        with step_bar("extract", 5, "frames", done=2):
            pass
    note("outside")
    assert told == ["inside", "extract 2/5 frames"]
    assert capsys.readouterr().err.strip() == "outside"
