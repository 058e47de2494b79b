"""The table that grows while arms are compared: who is there already, who is being trained, who was rejected.

On a terminal it is drawn in place, with the bar of the step at work above it; elsewhere (a log, a pipe) every result is
a line as it comes.
"""

import math
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from runners.plan.plan_types import seed_words
from runners.progress import Bar, note

State = Literal["waiting", "there", "made", "rejected"]
Key = tuple[str, str, str]  # protocol, paper, arm with its control
Training = tuple[int, int]  # seed and head seed


@dataclass
class ArmLine:
    """One arm (or control) under one protocol.

    Attributes:
        label: for a reader.
        seeds: that are asked for.
        splits: how many divisions of the data set, each with all seeds.
        heads: how many on the trunk of each seed.
        accuracies: seed, head seed and division (None: there is one) -> (mAP, rank-1), percent, as far as they are
            there.
        state: of the whole line.
        reason: why it was rejected.
    """

    label: str
    seeds: Sequence[int]
    state: State = "waiting"
    accuracies: dict[tuple[Training, int | None], tuple[float, float]] = field(default_factory=dict)
    reason: str = ""
    splits: int = 1
    heads: int = 1

    @property
    def cells(self) -> tuple[str, str]:
        """mAP and rank-1, the mean over the seeds, heads and divisions so far."""
        if not self.accuracies:
            return "", ""
        mean, first = np.mean(list(self.accuracies.values()), axis=0)
        return f"{mean:.1f}", f"{first:.1f}"

    @property
    def words(self) -> str:
        """What happened to it, in a few words."""
        if self.state == "rejected":
            return "rejected"
        parts = {"seeds": len(self.seeds), "heads": self.heads, "splits": self.splits}
        wanted = math.prod(parts.values())
        what = " and ".join(name for name, count in parts.items() if count > 1)
        done = f"{len(self.accuracies)} of {wanted} {what}" if wanted > 1 else ""
        if len(self.accuracies) < wanted:
            return f"waiting ({done})" if self.accuracies else "waiting"
        return self.state


@dataclass
class Scoreboard:
    """All lines of a comparison, in the order they were entered."""

    lines: dict[Key, ArmLine] = field(default_factory=dict)
    missing: int = 0  # results to be made, known once all papers were looked through
    made: int = 0
    _began: float = field(default_factory=time.monotonic)
    _live: Live | None = None
    _bars: Progress = field(init=False)

    def enter(self, key: Key, label: str, seeds: Sequence[int], splits: int = 1, heads: int = 1) -> None:
        """A line for an arm that is asked for.

        Args:
            key: protocol, paper and arm.
            label: of the arm.
            seeds: of its runs.
            splits: how many divisions each seed has.
            heads: how many heads each seed has.
        """
        self.lines[key] = ArmLine(label, seeds, splits=splits, heads=heads)

    def rejected(self, key: Key, reason: str) -> None:
        """The protocol does not admit the arm."""
        line = self.lines[key]
        line.state, line.reason = "rejected", reason
        self._say(f"{key[0]} turns {key[1]}/{key[2]} away: {reason}")

    def result(
        self, key: Key, training: Training, accuracy: tuple[float, float], fresh: bool, split: int | None = None
    ) -> None:
        """A result is there; percent. ``split`` is the division, where the data set has several.

        Args:
            key: protocol, paper and arm.
            training: seed and head seed of the run.
            accuracy: mAP and rank-1 in percent.
            fresh: whether it was made now.
            split: number of the division, where there are several.
        """
        if key not in self.lines:  # the colour row, which nobody asks for by name
            self.enter(key, key[2], training[:1])
        line = self.lines[key]
        line.accuracies[training, split] = accuracy
        line.state = "made" if fresh or line.state == "made" else "there"
        self.made += fresh
        where = seed_words(*training) + ("" if split is None else f" split {split}")
        self._say(f"{key[0]}  {key[1]}/{key[2]} {where}: mAP {accuracy[0]:.1f}, rank-1 {accuracy[1]:.1f}"
                  f" ({'made' if fresh else 'there already'}{self._left()})")  # fmt: skip

    @contextmanager
    def drawn(self) -> Iterator["Scoreboard"]:
        """Draw it while within, if stderr is a terminal; the last picture stays."""
        self._began = time.monotonic()  # looking through what is there is over
        if not sys.stderr.isatty():
            yield self
            return
        console = Console(stderr=True)
        self._bars = Progress(
            TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn(),
            TextColumn("{task.fields[unit]} {task.fields[words]}"), TimeRemainingColumn(), console=console,
        )  # fmt: skip
        with Live(get_renderable=self._picture, console=console, refresh_per_second=4, transient=False) as live:
            self._live = live
            try:
                yield self
            finally:
                live.refresh()
                self._live = None

    @contextmanager
    def bar(self, title: str, total: int, unit: str, done: int) -> Iterator[Bar]:
        """A bar above the table, for `runners.progress.shown_on`.

        Args:
            title: what is being done.
            total: how many units there are.
            unit: what is counted; not shown here.
            done: units that are done already.
        """
        task = self._bars.add_task(title, total=total, completed=done, unit=unit, words="")
        try:
            yield _RichBar(self._bars, task)
        finally:
            self._bars.remove_task(task)

    def note(self, text: str) -> None:
        """A line above the table."""
        assert self._live is not None  # only a drawn board is a screen
        self._live.console.print(text, style="dim", markup=False, highlight=False)

    @property
    def on_screen(self) -> bool:
        """Whether it is being drawn, so that bars and notes must go through it."""
        return self._live is not None

    def _say(self, text: str) -> None:
        if self._live is None:
            note(text)

    def _left(self) -> str:
        """A rough word on what remains, from the results made so far."""
        left = self.missing - self.made
        if not self.made or left <= 0:
            return ""
        minutes = left * (time.monotonic() - self._began) / self.made / 60
        return f"; {left} to be made, about {max(1, round(minutes))} min"

    def _picture(self) -> Group:
        table = Table(title=f"{self.made} of {self.missing} results made{self._left()}", title_justify="left")
        for name in ("Protocol", "Paper", "Arm"):
            table.add_column(name)
        for name in ("mAP", "Rank-1"):
            table.add_column(name, justify="right")
        table.add_column("State")
        last = ("", "")
        for (protocol, paper, _), line in self.lines.items():
            shown = (protocol if protocol != last[0] else "", paper if (protocol, paper) != last else "")
            style = "dim" if line.state in ("waiting", "rejected") else ""
            table.add_row(*shown, line.label, *line.cells, line.words, style=style)
            last = (protocol, paper)
        return Group(self._bars, table)  # a low window cuts the end off, where nothing has happened yet


class _RichBar:
    """A task of rich's progress in the shape of `runners.progress.Bar`."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def update(self, n: int) -> None:
        self._progress.update(self._task, advance=n)

    def set_postfix_str(self, s: str, refresh: bool = True) -> None:
        self._progress.update(self._task, words=s)
