"""Every table of a page has its CSV and its LaTeX, and the LaTeX is whole: balanced, escaped, booktabs alone."""

import csv
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from reports.render.table import Column, Estimate, Row, Table
from reports.store.job import Job

JOBS = ("job", "tkp_job", "cosam_job", "vrstc_job", "adfd_job", "choices_job")
KNOWN = {
    "begin", "end", "centering", "small", "caption", "label", "toprule", "midrule", "bottomrule", "multicolumn", "quad",
    "footnotesize", "scriptsize", "textbackslash", "textasciitilde", "textasciicircum", "textless", "textgreater",
    "times", "le", "ge", "Delta", "tau", "sigma", "downarrow", "surd", "ldots",
}  # fmt: skip


def columns_of(latex: str) -> tuple[str, list[str]]:
    """The column specification, and the rows of the body with their line ends."""
    spec = re.search(r"\\begin\{tabular\}\{([lr]+)\}", latex)
    assert spec
    body = latex[latex.index("\\toprule") : latex.index("\\bottomrule")]
    rows = [line.strip() for line in body.splitlines()]
    return spec[1], [line for line in rows if line not in ("\\toprule", "\\midrule", "")]


def check_latex(latex: str) -> None:
    """What a compiler would trip over."""
    code = "\n".join(line for line in latex.splitlines() if not line.lstrip().startswith("%"))
    assert not {letter for letter in code if ord(letter) > 0x24F}  # Latin letters with accents are all right
    assert code.count("\\begin{table}") == code.count("\\end{table}") == 1
    assert code.count("\\begin{tabular}") == code.count("\\end{tabular}") == 1
    depth = 0
    plain = re.sub(r"\\[\\{}$&%#_]", "", code)  # escaped characters and line ends
    for letter in plain:
        depth += {"{": 1, "}": -1}.get(letter, 0)
        assert depth >= 0
    assert depth == 0
    assert plain.count("$") % 2 == 0
    assert not re.search(r"[#%^~_]", re.sub(r"\\label\{[^}]*\}|\$[^$]*\$", "", plain))
    assert set(re.findall(r"\\([A-Za-z]+)", code)) <= KNOWN
    spec, rows = columns_of(code)
    assert rows
    assert "&" not in plain[: plain.index("toprule")]
    for row in rows:
        assert row.endswith("\\\\"), row
        cells = len(re.findall(r"(?<!\\)&", row)) + 1
        spans = re.match(r"\\multicolumn\{(\d+)\}", row)
        assert (int(spans[1]) if spans else cells) == len(spec), row


@pytest.mark.parametrize("of", JOBS)
def test_every_table_of_the_page_lies_beside_it(of: str, reported: Callable[[str], Path]) -> None:
    folder = reported(of)
    page = (folder / "index.html").read_text(encoding="utf-8")
    shown = re.findall(r'<table id="table-([^"]+)"', page)
    assert len(shown) == len(set(shown)) >= 5
    for name in shown:
        assert (folder / f"{name}.tex").is_file(), name
        rows = page[page.index(f'<table id="table-{name}"') :].partition("</table>")[0].count('<th scope="row"')
        with (folder / f"{name}.csv").open(newline="", encoding="utf-8") as file:
            assert len(list(csv.DictReader(file))) >= rows > 0, name
    for file in folder.glob("*.tex"):
        latex = file.read_text(encoding="utf-8")
        assert "needs \\usepackage{booktabs}" in latex
        check_latex(latex)
    shown_or_square = r'<div class="scroll"[^>]*>\s*<table id=.*?</table>|<li class="square">.*?</li>'
    without = re.sub(shown_or_square, "", page, flags=re.DOTALL)
    left = re.findall(r"<table.*?</table>", without, flags=re.DOTALL)
    assert all("Group" in one for one in left)  # weights of the pictures, whose file is frame_weights_shown


@pytest.mark.parametrize("of", JOBS)
def test_every_table_of_the_page_tells_its_runs_and_the_command(
    of: str, reported: Callable[[str], Path], request: pytest.FixtureRequest
) -> None:
    job: Job = request.getfixturevalue(of)
    page = (reported(of) / "index.html").read_text(encoding="utf-8")
    run_ids = {job.parent_id, *(run.run_id for group in job.groups for run in group.runs)}
    for name, after in re.findall(r'<table id="table-([^"]+)".*?</table>(.*?)</details>', page, flags=re.DOTALL):
        told = set(re.findall(r'title="MLflow run ([^"]+)"', after))
        assert told and told <= run_ids, name
        assert re.search(r"again: <code>python -m runners\.", after), name


def test_the_check_of_latex_sees_what_breaks_it() -> None:
    rows = (
        Row(("50 % of {x} ~ ^ # $", Estimate(-1.0, -2.0, 0.5, "holds")), note="[note] \\ <τ> ✓ σ ²"),
        Row(("é “q” …", None)),
    )
    whole = Table("t", "A & B", (Column("a", "a_b"), Column("x", "x", "estimate")), rows).as_latex()
    check_latex(whole)
    for broken in (
        whole.replace("\\&", "&"), whole.replace("\\%", "%"), whole.replace("\\}", "}"), whole.replace("$-$", "−"),
        whole.replace("\\end{tabular}", ""), whole.replace(" \\\\\n", "\n"), whole.replace("\\scriptsize", "\\tiny"),
    ):  # fmt: skip
        assert broken != whole
        with pytest.raises(AssertionError):
            check_latex(broken)
