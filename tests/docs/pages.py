"""The pages that are read by people, and what stands in them."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.places import HOUSE

PAGES = tuple(
    sorted(
        path
        for pattern in (
            "*.md", "docs/**/*.md", "methods/*/README.md", "datasets/**/*.md", "reports/**/*.md",
            "tests/historic_results/README.md",
        )
        for path in HOUSE.glob(pattern)
    )
)  # fmt: skip
FLOORS = ("methods", "datasets", "protocols", "runners", "reports", "files")

_FENCE = re.compile(r"^(`{3,}|:{3,})[^\n]*\n(.*?)^\1$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_LINK = re.compile(r"\]\(([^()\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+?)\s*$", re.MULTILINE)


def name(page: Path) -> str:
    """The page relative to the repository, for test ids."""
    return page.relative_to(HOUSE).as_posix()


def prose(page: Path) -> str:
    """The page without fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def inline_code(page: Path) -> list[str]:
    """What stands in backticks, with line breaks as spaces."""
    return [" ".join(code.split()) for code in _INLINE.findall(prose(page))]


def links(page: Path) -> list[str]:
    """Targets of links and images, code left out."""
    return _LINK.findall(_INLINE.sub("", prose(page)))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and MyST name them."""
    found: set[str] = set()
    for heading in _HEADING.findall(prose(page)):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        tries = (slug if not n else f"{slug}-{n}" for n in range(len(found) + 1))
        found.add(next(one for one in tries if one not in found))
    return found


def commands(page: Path) -> Iterator[str]:
    """Commands in fenced blocks and in backticks, continued lines joined, without comments."""
    for _, block in _FENCE.findall(page.read_text(encoding="utf-8")):
        for line in block.replace("\\\n", " ").splitlines():
            yield " ".join(line.split("  #")[0].split())
    yield from inline_code(page)
