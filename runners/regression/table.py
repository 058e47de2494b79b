"""What a check found, as text, as Markdown for a pull request, and as plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from runners.regression.baseline import Measured
from runners.regression.compare import CheckRow

MARKER = "<!-- reproid: accuracy and cost against the baseline -->"
"""First line of the Markdown, by which a later run finds the comment to replace."""

_TITLES = {"accuracy": "Accuracy, in points", "speed": "Time beside a bare trunk", "cost": "Operations and parameters",
           "probe": "Probes: exact checks without training"}  # fmt: skip
_HEAD = ("", "baseline", "now", "difference (95 %)", "p", "verdict", "")
_SHOWN_P = 0.001
_MOST_ROWS = 60  # of a Markdown table: a comment holds 65,536 characters


@dataclass(frozen=True)
class Found:
    """A finished check.

    Attributes:
        rows: all comparisons, failures first.
        old, new: what was compared.
        history: of the baseline; its last entry says when and why it was measured.
        seconds: that the check took.
        level: of the accuracies.
    """

    rows: Sequence[CheckRow]
    old: Measured
    new: Measured
    history: Sequence[Mapping[str, Any]]
    seconds: float
    level: float

    @property
    def failures(self) -> list[CheckRow]:
        """Rows that fail the check."""
        return [row for row in self.rows if row.failed]

    @property
    def passed(self) -> bool:
        """Whether nothing got worse, changed or vanished."""
        return not self.failures


def as_text(found: Found) -> str:
    """For a terminal; of the probes only those that changed are listed, and the others counted."""
    parts = [headline(found), *(f"  {line}" for line in _context(found)), ""]
    for group, title in _TITLES.items():
        rows, equal = _listed(found.rows, group)
        if not rows and not equal:
            continue
        parts.append(f"{title}{_equal_words(equal, len(rows) + equal)}")
        if rows:
            letters = _letters(rows)
            parts += _aligned([_HEAD, *(_cells(row, letters) for row in rows)])
            parts += [f"  [{letter}] {words}" for words, letter in letters.items()]
        parts.append("")
    return "\n".join(parts)


def as_markdown(found: Found) -> str:
    """For a pull request: what failed first, everything else folded away."""
    parts = [MARKER, f"### {headline(found)}", "", *(f"{line}  " for line in _context(found)), ""]
    if found.failures:
        parts += [*_markdown(found.failures), ""]
    for group, title in _TITLES.items():
        rows, equal = _listed(found.rows, group)
        if not rows and not equal:
            continue
        parts += [f"<details><summary>{title}{_equal_words(equal, len(rows) + equal)}</summary>", ""]
        parts += [*(_markdown(rows) if rows else ["Nothing moved."]), "", "</details>", ""]
    return "\n".join(parts) + "\n"


def as_data(found: Found) -> dict[str, Any]:
    """For a machine."""
    return {
        "passed": found.passed,
        "failures": [row.name for row in found.failures],
        "rows": [asdict(row) | {"failed": row.failed} for row in found.rows],
        "level": found.level,
        "configuration": {
            "baseline": dict(found.old.configuration),
            "now": dict(found.new.configuration),
            "same": dict(found.old.configuration) == dict(found.new.configuration),
        },
        "baseline": dict(found.history[-1]) if found.history else None,
        "seconds": round(found.seconds, 1),
        "parts": {name: round(value, 1) for name, value in found.new.seconds.items()},
    }


def headline(found: Found) -> str:
    """One sentence."""
    if found.passed:
        better = sum(row.verdict == "better" for row in found.rows)
        more = f", {better} better" if better else ""
        return f"No regression: {len(found.rows)} comparisons, none worse{more}."
    names = list(dict.fromkeys(f"{row.name} ({row.verdict})" for row in found.failures))
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return f"Regression: {', '.join(names[:4])}{more}."


def _context(found: Found) -> list[str]:
    last = found.history[-1] if found.history else {}
    old, new = dict(found.old.configuration), dict(found.new.configuration)
    lines = [f"Baseline of {last.get('date', 'unknown date')}: {last.get('reason', 'no reason given')}"]
    if old == new:
        lines.append("Configuration: the baseline's own, on which training repeats bit by bit.")
    else:
        changed = [
            f"{key} {new.get(key, 'absent')} (baseline {old.get(key, 'absent')})"
            for key in sorted({*old, *new})
            if old.get(key) != new.get(key)
        ]
        lines.append(f"Configuration: not the baseline's: {', '.join(changed)}.")
    lines.append(
        f"Accuracies are compared query by query, people resampled, one-sided for worse, Holm-corrected; level "
        f"{found.level:g} for all of them together. {found.seconds:.0f} s."
    )
    return lines


def _listed(rows: Sequence[CheckRow], group: str) -> tuple[list[CheckRow], int]:
    """Rows of a group to show, and how many equal ones are only counted."""
    mine = [row for row in rows if row.group == group]
    if group in ("accuracy", "speed"):
        return mine, 0
    shown = [row for row in mine if row.verdict != "equal"]
    return shown, len(mine) - len(shown)


def _equal_words(equal: int, count: int) -> str:
    return f" ({equal} of {count} equal)" if equal else ""


def _letters(rows: Sequence[CheckRow]) -> dict[str, str]:
    """What was compared with what -> a number for the footnote."""
    words = dict.fromkeys(row.against for row in rows if row.against)
    return {each: str(place + 1) for place, each in enumerate(words)}


def _cells(row: CheckRow, letters: Mapping[str, str]) -> tuple[str, ...]:
    note = f"[{letters[row.against]}]" if row.against else ""
    verdict = row.verdict.upper() if row.failed else row.verdict
    return (row.name, row.old, row.new, row.difference, _p(row.p), verdict, note)


def _p(p: float | None) -> str:
    if p is None:
        return ""
    return f"< {_SHOWN_P:g}" if p < _SHOWN_P else f"{p:.3f}"


def _aligned(table: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(line[i]) for line in table) for i in range(len(table[0]))]
    lines = []
    for line in table:
        cells = [line[0].ljust(widths[0])]
        cells += [
            cell.rjust(width) if 0 < i < 5 else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
            if i
        ]
        lines.append(("  " + "  ".join(cells)).rstrip())
    return lines


def _markdown(rows: Sequence[CheckRow]) -> list[str]:
    letters = _letters(rows)
    lines = ["| | baseline | now | difference (95 %) | p | verdict | |", "|---|---:|---:|---:|---:|---|---|"]
    for row in rows[:_MOST_ROWS]:
        cells = [cell.replace("|", "\\|") for cell in _cells(row, letters)]
        if row.failed:
            cells[5] = f"**{row.verdict}**"
        lines.append("| " + " | ".join(cells) + " |")
    if len(rows) > _MOST_ROWS:
        lines.append(f"| and {len(rows) - _MOST_ROWS} more, in the log | | | | | | |")
    return [*lines, "", *(f"[{letter}] {words}  " for words, letter in letters.items())]
