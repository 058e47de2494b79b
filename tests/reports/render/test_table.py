"""Tables say the same in every format, and nothing in them can break a LaTeX run."""

import csv
import io
import re

import pytest

from reports.render.table import Column, Estimate, Row, Table, latex

TABLE = Table(
    "t",
    "A & B, 100 %",
    (
        Column("arm", "Arm"),
        Column("mAP", "mAP", "estimate", unit="%"),
        Column("delta", "Δ", "number", signed=True),
        Column("seeds", "Seeds", "number"),
        Column("why", "Why", data_only=True),
    ),
    (
        Row(("gltr[tsa=off]_x", Estimate(12.345678, 10.04, 14.66), -0.25, 3, 'a, "b"'), run_ids=("r1", "r2")),
        Row(("colour", None, None, 1, None), "colour"),
    ),
)


def test_csv_keeps_every_digit_and_three_columns_for_an_estimate() -> None:
    first, second = csv.DictReader(io.StringIO(TABLE.as_csv()))
    assert float(first["mAP"]) == 12.345678
    assert (float(first["mAP_low"]), float(first["mAP_high"])) == (10.04, 14.66)
    assert first["why"] == 'a, "b"'
    assert first["run_ids"] == "r1 r2"
    assert (second["mAP"], second["delta"], second["seeds"]) == ("", "", "1")


def test_latex_is_escaped_rounded_and_rectangular() -> None:
    text = TABLE.as_latex()
    rows = [line for line in text.splitlines() if line.endswith("\\\\")]
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {3}
    assert "gltr{[}tsa=off{]}\\_x" in text
    assert "12.3 {\\scriptsize [10.0, 14.7]}" in text
    assert "$-$0.2" in text
    assert "A \\& B, 100 \\%" in text
    assert text.count("\\midrule") == 2  # the colour row stands apart
    assert "Why" not in text


@pytest.mark.parametrize("character", list("\\&%$#_{}~^"))
def test_no_special_character_survives_unescaped(character: str) -> None:
    escaped = latex(f"a{character}b")
    assert escaped not in (f"a{character}b", "ab")
    assert escaped.startswith("a\\") and escaped.endswith("b")


def test_text_is_aligned_and_shows_a_dash_for_nothing() -> None:
    lines = TABLE.as_text().splitlines()
    assert lines[2].startswith("gltr[tsa=off]_x  12.3 [10.0, 14.7]")
    assert "\u22120.2" in lines[2]
    assert lines[3].split() == ["colour", "–", "–", "1"]
    assert len({len(line) for line in lines[1:]}) == 1


def test_markdown_has_a_cell_for_every_column_and_signs_are_text() -> None:
    lines = TABLE.as_markdown().splitlines()
    assert lines[0] == "| Arm | mAP (%) | Δ | Seeds |"
    assert lines[1] == "|---|---:|---:|---:|"
    assert lines[2] == "| gltr\\[tsa=off\\]\\_x | 12.3 \\[10.0, 14.7\\] | \u22120.2 | 3 |"
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {5}
    odd = Table("t", "", (Column("a", "a|b"),), (Row(("<i>x|y</i>\nz",), note="*n*"),)).as_markdown()
    assert odd.splitlines() == ["| a\\|b |", "|---|", "| &lt;i&gt;x\\|y&lt;/i&gt; z<br>\\*n\\* |"]
