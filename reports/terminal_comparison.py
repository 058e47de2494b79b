"""What a comparison prints at its end: a table for each set of rows that may be compared, then where the pages are."""

import shutil
import textwrap
from collections.abc import Mapping
from typing import Any

from reports.render.table import Table
from reports.terminal import WIDEST

COLUMNS = ("rank", "method", "paper", "data", "backbone", "start", "rgb_only", "single_pass", "mAP", "rank1",
           "std_splits", "seeds", "gflops_per_frame", "precision")  # fmt: skip


def page(built: Mapping[str, Any], width: int | None = None) -> str:
    """The comparison in text.

    Args:
        built: what ``reports.suite.build_suite`` gave, and ``turned_away``: rows with protocol, paper, arm, reason;
            and ``controls_left_out``: with left_out, why.
        width: of the lines in characters; ``None``: the terminal's, at most 118.
    """
    width = width or min(shutil.get_terminal_size((WIDEST, 24)).columns, WIDEST)
    lines: list[str] = []
    for one in built["comparison"]["tables"]:
        table = Table.from_dict(one)
        shown = table.only(COLUMNS).as_text()
        if max(map(len, shown.splitlines())) > width:
            shown = table.only(COLUMNS).means().as_text()
        lines += [one["title"], "", shown, ""]
        for sentence in one["words"]:
            lines += textwrap.wrap(sentence, width)
        lines.append("")
    for sentence in built["comparison"]["refused"]:
        lines += textwrap.wrap(sentence, width)
    away = built.get("turned_away") or []
    if away:
        lines.append(f"Rejected ({len(away)}):")
        for row in away:
            start = f"  {row['protocol']}  {row['paper']}/{row['arm']}: "
            lines += textwrap.wrap(row["reason"], width, initial_indent=start, subsequent_indent="    ")
        lines.append("")
    for row in built.get("controls_left_out") or ():
        name = f"{row['protocol']}  {row['paper']}/{row['arm']}"
        lines += [*textwrap.wrap(f"{name} is left out: {row['left_out']}.", width), ""]
    lines += textwrap.wrap(built["claims"]["headline"], width)
    folder = str(built["index"]).removesuffix("index.html")
    lines += ["", f"Pages: {built['index']}, {folder}comparison.html, {folder}claims.html, {folder}protocols.html"]
    return "\n".join(lines)
