"""What the main job prints at its end: verdicts first, then measured beside published, 100 columns wide."""

import textwrap
from collections.abc import Mapping
from typing import Any

from reports.formats import DASH, MINUS

_WIDTH = 100
_VERDICT = 14


def page(made: Mapping[str, Any]) -> str:
    """The text for a terminal.

    Args:
        made: what ``reports.build.build`` returned, with ``tracking`` and ``seconds`` of the job.
    """
    parts = [_verdicts(made["ledger"]), _results(made["tables"]["results"])]
    if made["ledger"]["note"]:
        parts.append(textwrap.fill(made["ledger"]["note"], _WIDTH))
    parts.append(
        f"report    {made['folder']}/index.html\n"
        f"tracking  mlflow ui --backend-store-uri {made['tracking']}   (experiment {made['experiment']})\n"
        f"time      {made['seconds']:.0f} s"
    )
    return "\n\n".join(parts)


def _verdicts(ledger: Mapping[str, Any]) -> str:
    lines = [f"CLAIMS of {ledger['paper']}, judged on {ledger['dataset']} under {ledger['protocol']}"]
    for claim in ledger["claims"]:
        published = ", ".join(f"{m['dataset']} {_signed(m['margin'])}" for m in claim["published"]) or "no number"
        lines += ["", f"  {claim['verdict'].upper():<{_VERDICT}}  {claim['text']}"]
        if claim["difference"] is None:
            lines.append(f"  {'':<{_VERDICT}}  {claim['words']}")
            continue
        lines.append(
            f"  {'':<{_VERDICT}}  {claim['metric']}: {_difference(claim['difference'])}; published {published}"
        )
        lines += [f"  {'':<{_VERDICT}}  control: {_difference(control)}" for control in claim["controls"]]
    return "\n".join(lines)


def _difference(one: Mapping[str, Any]) -> str:
    interval = f"[{_signed(one['low'], 1)}, {_signed(one['high'], 1)}]"
    return f"{_signed(one['mean'], 1)} {interval} against {one['label']}"


def _results(table: Mapping[str, Any]) -> str:
    published = [key for key in ("published_mAP", "published_rank1") if any(key in row for row in table["rows"])]
    heads = [
        "",
        "mAP",
        "95 %",
        "rank-1",
        "95 %",
        *("published mAP" if k.endswith("mAP") else "rank-1" for k in published),
    ]
    body = []
    for row in table["rows"]:
        cells = [row["arm"]]
        for metric in ("mAP", "rank1"):
            value = row[metric]
            cells += [f"{value['mean']:.1f}", f"{value['low']:.1f}-{value['high']:.1f}"]
        cells += [DASH if row.get(key) is None else f"{row[key]:.2f}" for key in published]
        body.append(cells)
    widths = [max(len(line[i]) for line in [heads, *body]) for i in range(len(heads))]
    lines = [
        "  ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in [heads, *body]
    ]
    lines.insert(1, "  ".join("-" * w for w in widths))
    return "\n".join(["MEASURED", *lines, *(textwrap.fill(note, _WIDTH) for note in table["notes"])])


def _signed(value: float, decimals: int = 2) -> str:
    return f"{value:+.{decimals}f}".replace("-", MINUS)
