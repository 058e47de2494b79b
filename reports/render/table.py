"""One table, five outputs: plain data, CSV, LaTeX (booktabs), Markdown, and text for a terminal.

A cell is a text, a number, ``None`` (shown as a dash), an :class:`Estimate`, a number with its interval, or a
:class:`Marked`, a number that does not hold as it stands.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import groupby
from typing import Any, Literal

DASH = "–"
MINUS = "\u2212"
DAGGER = "†"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with the ends of its 95 % interval, and the verdict on it where there is one."""

    mean: float
    low: float
    high: float
    verdict: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain data; the verdict only where there is one."""
        plain: dict[str, Any] = {"mean": self.mean, "low": self.low, "high": self.high}
        return plain | ({"verdict": self.verdict} if self.verdict else {})


@dataclass(frozen=True, slots=True)
class Marked:
    """A number with what is wrong with it: shown with a dagger, which a note of the table explains."""

    value: float
    mark: str

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"value": self.value, "mark": self.mark}


Cell = str | int | float | Estimate | Marked | None


def marked(value: float | None, mark: str) -> float | Marked | None:
    """A number with its mark, if it has both."""
    return Marked(value, mark) if mark and value is not None else value


@dataclass(frozen=True, slots=True)
class Column:
    """How one column reads: ``title`` for people, ``key`` for programs, decimals for people only."""

    key: str
    title: str
    kind: Literal["text", "number", "estimate"] = "text"
    decimals: int = 1
    signed: bool = False
    unit: str = ""
    data_only: bool = False  # in CSV and JSON, but not shown: too long for a page
    group: str = ""  # neighbours of one group stand under one common head
    has_verdict: bool = False  # its estimates carry verdicts
    thousands: bool = False  # whole numbers are grouped: 1,191,003
    marked: bool = False  # its numbers may be marked; what is wrong with them has a CSV column of its own


@dataclass(frozen=True, slots=True)
class Row:
    """Cells in the order of the columns.

    ``kind`` lets a page set rows apart, ``run_ids`` say where they are from, ``note`` is a line of its own below, and
    ``href`` is where a page links the first cell to.
    """

    cells: tuple[Cell, ...]
    kind: str = ""
    run_ids: tuple[str, ...] = ()
    note: str = ""
    href: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table that knows its name (also the file's), caption and notes."""

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = field(default=())
    run_ids: tuple[str, ...] = ()  # where all rows are from, if they name no runs of their own

    def column(self, key: str) -> tuple[Cell, ...]:
        """All cells of a column."""
        index = [column.key for column in self.columns].index(key)
        return tuple(row.cells[index] for row in self.rows)

    def runs(self) -> tuple[str, ...]:
        """The runs that any of its numbers is from, each once."""
        return tuple(dict.fromkeys((*(run for row in self.rows for run in row.run_ids), *self.run_ids)))

    def visible(self) -> "Table":
        """The table without the columns that are data only."""
        return self.only([column.key for column in self.columns if not column.data_only])

    def as_dict(self) -> dict[str, Any]:
        """Plain data at full precision."""
        rows = []
        for row in self.rows:
            values: dict[str, Any] = {}
            for column, cell in zip(self.columns, row.cells, strict=True):
                values[column.key] = cell.as_dict() if isinstance(cell, Estimate | Marked) else cell
            rows.append(values | {"kind": row.kind, "run_ids": list(row.run_ids), "note": row.note})
        columns = [asdict(column) for column in self.columns]
        notes = list(self.notes)
        plain = {"name": self.name, "caption": self.caption, "notes": notes, "columns": columns, "rows": rows}
        return plain | {"run_ids": list(self.run_ids)}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> "Table":
        """The table that :meth:`as_dict` wrote."""
        columns = tuple(Column(**column) for column in plain["columns"])
        rows = tuple(
            Row(
                tuple(_cell(row[c.key]) for c in columns),
                row["kind"],
                tuple(row["run_ids"]),
                row["note"],
            )
            for row in plain["rows"]
        )
        runs = tuple(plain.get("run_ids", ()))
        return cls(plain["name"], plain["caption"], columns, rows, tuple(plain["notes"]), runs)

    def only(self, keys: Sequence[str]) -> "Table":
        """The table with some of its columns, in the order asked for; unknown keys are left out."""
        places = {column.key: index for index, column in enumerate(self.columns)}
        keep = [places[key] for key in keys if key in places]
        rows = (replace(row, cells=tuple(row.cells[index] for index in keep)) for row in self.rows)
        return replace(self, columns=tuple(self.columns[index] for index in keep), rows=tuple(rows))

    def means(self) -> "Table":
        """The table without intervals and notes below rows, for where there is little room."""
        columns = (replace(c, kind="number") if c.kind == "estimate" else c for c in self.columns)
        rows = (
            replace(row, cells=tuple(c.mean if isinstance(c, Estimate) else c for c in row.cells), note="")
            for row in self.rows
        )
        return replace(self, columns=tuple(columns), rows=tuple(rows))

    def heads(self) -> tuple[tuple[str, int], ...]:
        """The common heads with the number of columns below each, in order; empty without any group."""
        if not any(column.group for column in self.columns):
            return ()
        return tuple((group, len(list(found))) for group, found in groupby(self.columns, lambda one: one.group))

    def as_csv(self) -> str:
        """CSV at full precision; an estimate takes three columns (``x``, ``x_low``, ``x_high``), with a verdict four.

        A number that may be marked takes two, ``x`` and ``x_mark``.
        """
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        heads: list[str] = []
        for column in self.columns:
            heads += [column.key + end for end in _ends(column)]
        writer.writerow([*heads, "run_ids"])
        for row in self.rows:
            values: list[Any] = []
            for column, cell in zip(self.columns, row.cells, strict=True):
                if isinstance(cell, Estimate):
                    numbers = [repr(cell.mean), repr(cell.low), repr(cell.high)]
                    values += [*numbers, cell.verdict] if column.has_verdict else numbers
                elif isinstance(cell, Marked):
                    values += [repr(cell.value), cell.mark]
                else:
                    values += ["" if cell is None else cell, *[""] * (len(_ends(column)) - 1)]
            writer.writerow([*values, " ".join(row.run_ids or self.run_ids)])
        return text.getvalue()

    def as_latex(self) -> str:
        """A ``table`` environment for the booktabs package, ready to be ``\\input``."""
        table = self.visible()
        align = "".join("l" if column.kind == "text" else "r" for column in table.columns)
        head = " & ".join(latex(_title(column)) for column in table.columns)
        lines = ["% needs \\usepackage{booktabs}", "\\begin{table}", "  \\centering", "  \\small"]
        lines += [f"  \\caption{{{latex(self.caption)}}}", f"  \\label{{tab:{self.name}}}"]
        lines += [f"  \\begin{{tabular}}{{{align}}}", "    \\toprule", f"    {head} \\\\", "    \\midrule"]
        for before, row in zip((None, *table.rows), table.rows, strict=False):
            if before is not None and (before.kind == "colour") != (row.kind == "colour"):
                lines.append("    \\midrule")
            cells = [_latex_cell(column, cell) for column, cell in zip(table.columns, row.cells, strict=True)]
            lines.append(f"    {' & '.join(cells)} \\\\")
            if row.note:
                lines.append(f"    \\multicolumn{{{len(cells)}}}{{l}}{{\\quad\\footnotesize {latex(row.note)}}} \\\\")
        lines += ["    \\bottomrule", "  \\end{tabular}"]
        lines += [f"  % {latex(note)}" for note in self.notes]
        return "\n".join([*lines, "\\end{table}", ""])

    def as_text(self) -> str:
        """Aligned columns for a terminal."""
        table = self.visible()
        heads = [_title(column) for column in table.columns]
        body = [[shown(c, cell) for c, cell in zip(table.columns, row.cells, strict=True)] for row in table.rows]
        widths = [max(len(line[index]) for line in [heads, *body]) for index in range(len(heads))]
        lines = [_line(heads, widths, table.columns), "  ".join("-" * width for width in widths)]
        for cells, row in zip(body, table.rows, strict=True):
            lines += [_line(cells, widths, table.columns), *([f"  {row.note}"] if row.note else [])]
        return "\n".join(lines)

    def as_markdown(self) -> str:
        """A pipe table, for a README or a pull request; notes of a row stand in its first cell."""
        table = self.visible()
        lines = ["| " + " | ".join(_markdown(_title(column)) for column in table.columns) + " |"]
        lines.append("|" + "|".join("---" if column.kind == "text" else "---:" for column in table.columns) + "|")
        for row in table.rows:
            cells = [_markdown(shown(column, cell)) for column, cell in zip(table.columns, row.cells, strict=True)]
            if row.note:
                cells[0] += f"<br>{_markdown(row.note)}"
            lines.append("| " + " | ".join(cells) + " |")
        return "\n".join([*lines, ""])


def shown(column: Column, cell: Cell) -> str:
    """A cell as a reader sees it: rounded, with a true minus sign, a dash where there is nothing."""
    if cell is None:
        return DASH
    if isinstance(cell, Estimate):
        ends = f"{number(cell.mean, column)} [{number(cell.low, column)}, {number(cell.high, column)}]"
        return f"{ends} {cell.verdict}" if cell.verdict else ends
    if isinstance(cell, Marked):
        return number(cell.value, column) + DAGGER
    if isinstance(cell, str):
        return cell
    return number(cell, column)


def _cell(plain: Any) -> Cell:
    """A cell out of what stands for it in plain data."""
    if isinstance(plain, Mapping):
        return Marked(**plain) if "mark" in plain else Estimate(**plain)
    cell: str | int | float | None = plain
    return cell


def number(value: float, column: Column) -> str:
    """A rounded number; integers stay integers."""
    sign = "+" if column.signed else ""
    comma = "," if column.thousands else ""
    text = f"{value:{sign}{comma}d}" if isinstance(value, int) else f"{value:{sign}.{column.decimals}f}"
    return text.replace("-", MINUS)


def latex(text: str) -> str:
    """Text with everything escaped that LaTeX would read as a command."""
    out = []
    for character in text:
        out.append(_LATEX.get(character, character))
    return "".join(out)


_LATEX = {
    "\\": "\\textbackslash{}", "&": "\\&", "%": "\\%", "$": "\\$", "#": "\\#", "_": "\\_", "{": "\\{", "}": "\\}",
    "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "[": "{[}", "]": "{]}", "<": "\\textless{}",
    ">": "\\textgreater{}", "\u2212": "$-$", "–": "--", "×": "$\\times$", "≤": "$\\le$", "≥": "$\\ge$",
    "∆": "$\\Delta$", "↓": "$\\downarrow$", "↑": "$\\uparrow$", "→": "$\\to$", "±": "$\\pm$", "≈": "$\\approx$",
    "†": "$\\dagger$",
    "✓": "$\\surd$", "✗": "$\\times$", "²": "$^2$", "³": "$^3$", "°": "$^\\circ$", "·": "$\\cdot$", "…": "\\ldots{}",
    "“": "``", "”": "\'\'", "‘": "`", "’": "\'", "—": "---", "\u00a0": "~", "µ": "$\\mu$",
}  # fmt: skip
_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "η": "eta", "θ": "theta", "κ": "kappa",
    "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi",
    "χ": "chi", "ψ": "psi", "ω": "omega", "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda", "Σ": "Sigma",
    "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega",
}  # fmt: skip
_LATEX |= {letter: f"$\\{name}$" for letter, name in _GREEK.items()}


def _title(column: Column) -> str:
    title = f"{column.group} {column.title}".strip()
    return f"{title} ({column.unit})" if column.unit else title


def _ends(column: Column) -> tuple[str, ...]:
    """What the names of a column's CSV columns end in."""
    if column.kind != "estimate":
        return ("", "_mark") if column.marked else ("",)
    return ("", "_low", "_high", "_verdict") if column.has_verdict else ("", "_low", "_high")


def _latex_cell(column: Column, cell: Cell) -> str:
    if isinstance(cell, Estimate):
        low, high = latex(number(cell.low, column)), latex(number(cell.high, column))
        verdict = f", {cell.verdict}" if cell.verdict else ""
        return f"{latex(number(cell.mean, column))} {{\\scriptsize [{low}, {high}]{verdict}}}"
    return latex(shown(column, cell))


def _markdown(text: str) -> str:
    """A text that a cell of a pipe table may hold: whatever Markdown or HTML would read as a sign is escaped."""
    signs = {sign: f"\\{sign}" for sign in "\\|*_`~[]#"} | {"<": "&lt;", ">": "&gt;", "\n": " "}
    return "".join(signs.get(character, character) for character in text)


def _line(cells: Sequence[str], widths: Sequence[int], columns: Sequence[Column]) -> str:
    shown_cells = [
        text.ljust(width) if column.kind == "text" else text.rjust(width)
        for text, width, column in zip(cells, widths, columns, strict=True)
    ]
    return "  ".join(shown_cells).rstrip()
