"""The field's words in place of private ones: what is left of these in packages and pages may only become less.

Counted are docstrings, messages and comments of the packages, templates, cards and pages, and names where the word is
one. CONTRIBUTING says what to write instead. A limit that lies above its count is lowered by whoever sees it.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.docs.pages import FLOORS, PAGES, prose
from tests.places import HOUSE

TEXT = {
    "who asks, who answers": (r"\b(who|whoever|which|that|camera \d) (asks?|answers?)\b", 16),
    "right, wrong answers": (r"\b(right|wrong) answers?\b", 23),
    "judge (but a claim)": (r"\bjudg(e|es|ed|ing)\b", 66),
    "told, tells (of labels)": (
        r"(?<!can be )(?<!not be )(?<!but be )\btold\b(?! apart)|\btell(s|ing)? (them|others) to\b",
        46,
    ),
    "labeller": (r"\blabellers?\b", 19),
    "turned away": (r"\bturn(s|ed|ing)? (\w+ )?away\b", 0),
    "may enter": (r"\bmay enter\b", 10),
    "let go": (r"\blet(s|ting)? (\w+ )?go\b", 2),
    "material, lesson": (r"\b(materials?|lessons?)\b(?! for MkDocs)", 0),
    "weighing, watching": (r"\b(weighing|watching|watched)\b", 6),
}
"""Word: pattern in running text, and how often it may still occur."""

NAMES = {
    "judge": (r"_?judg(e|es|ed|ing|ement|ements)|Judgements?", 10),
    "describe": (r"describ(e|ed|ing)|Described", 27),
    "feed": (r"Feed|Feeding|feeding", 5),
    "told, labeller": (r"_?told|told_\w+|\w+_told|labellers?", 271),
    "let_go": (r"_?let_go", 0),
    "Material, Setting, Lesson": (r"[Mm]aterial|Setting|[Ll]esson", 0),
    "weighing, watched": (r"weighing|watch(ed|ing)|Watched", 0),
}
"""Word: pattern of a whole name, and how often it may still occur."""

CLOTH = ("datasets/synthwalk/", "runners/gpu_evidence/stand_ins/plain_renderer/")
ALLOWED = {"material, lesson": CLOTH, "Material, Setting, Lesson": CLOTH}
"""Where a word is the field's own: cloth has a material."""
NOWHERE = ("none",)

RECORDED = re.compile(r'"labeller"')
"""Roles of cards are recorded and stay."""


def sources() -> list[Path]:
    return sorted(path for floor in FLOORS for path in (HOUSE / floor).rglob("*.py"))


def texts() -> Iterator[tuple[str, str]]:
    """Where, and running text with single spaces."""
    for path in sources():
        source, where = path.read_text(encoding="utf-8"), path.relative_to(HOUSE).as_posix()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
                yield f"{where}:{node.lineno}", node.value
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                yield f"{where}:{token.start[0]}", token.string
    for path in sorted([*HOUSE.glob("reports/templates/*.j2"), *HOUSE.glob("methods/*/paper.toml")]):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            yield f"{path.relative_to(HOUSE).as_posix()}:{number}", RECORDED.sub("", line)
    for page in PAGES:
        if page.name == "CHANGELOG.md":
            continue  # history keeps its words
        text = re.sub(r"## Words\n.*?(?=\n## )", "", prose(page), flags=re.DOTALL)  # the list of them
        for paragraph in re.split(r"\n\s*\n|\n(?=[|-])", text):
            yield page.relative_to(HOUSE).as_posix(), re.sub(r"`[^`]*`", "", paragraph)


@cache
def running_text() -> tuple[tuple[str, str], ...]:
    return tuple((where, " ".join(text.split())) for where, text in texts())


@cache
def names() -> tuple[tuple[str, str], ...]:
    """Where, and each name in the sources: of variables, attributes, arguments, functions, classes, imports."""
    return tuple(
        (f"{path.relative_to(HOUSE).as_posix()}:{getattr(node, 'lineno', 0)}", name)
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for field in ("id", "attr", "arg", "name", "asname")
        if isinstance(name := getattr(node, field, None), str)
    )


def occurrences(word: str, text: str) -> list[str]:
    """What a pattern finds in running text; claims are judged and have verdicts, so their sentences are left out."""
    if word.startswith("judge"):
        text = " ".join(one for one in re.split(r"(?<=[.;:]) ", text) if not re.search(r"claim|verdict", one, re.I))
    return [found.group() for found in re.finditer(TEXT[word][0], text, re.IGNORECASE)]


def offenders(word: str) -> list[str]:
    """Every occurrence in running text, with its place."""
    return [
        f"{where} {found}"
        for where, text in running_text()
        if not where.startswith(ALLOWED.get(word, NOWHERE))
        for found in occurrences(word, text)
    ]


def offending_names(word: str) -> list[str]:
    """Every occurrence as a name, with its place."""
    pattern = re.compile(NAMES[word][0])
    spared = ALLOWED.get(word, NOWHERE)
    return [f"{where} {name}" for where, name in names() if pattern.fullmatch(name) and not where.startswith(spared)]


@pytest.mark.parametrize("word", TEXT)
def test_private_words_in_text_become_less(word: str) -> None:
    found = offenders(word)
    assert len(found) <= TEXT[word][1], "\n".join(found)


@pytest.mark.parametrize("word", NAMES)
def test_private_words_as_names_become_less(word: str) -> None:
    found = offending_names(word)
    assert len(found) <= NAMES[word][1], "\n".join(found)


def test_the_patterns_find_what_they_are_for() -> None:
    said = "COSAM is turned away; camera 1 asks and camera 2 answers; descriptors are judged; it is told and let go."
    hit = {word for word in TEXT if occurrences(word, said)}
    assert hit == {"who asks, who answers", "judge (but a claim)", "told, tells (of labels)", "turned away", "let go"}
    plain = "A claim is judged. Whether it gains cannot be told. They are told apart."
    assert not [word for word in TEXT if occurrences(word, plain)]
