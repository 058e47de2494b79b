"""Every link leads somewhere, and every file and name that a page speaks of is there."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from tests.docs.pages import FLOORS, PAGES, anchors, inline_code, links, name
from tests.places import HOUSE

PATH = re.compile(rf"^(?:{'|'.join(FLOORS)}|tests|docs)/[\w./-]*$")
DOTTED = re.compile(rf"^(?:{'|'.join(FLOORS)})(?:\.\w+)+")
ENDINGS = {"csv", "html", "json", "md", "npz", "tex", "toml"}
"""``reports.csv`` is a file's name, not a module's."""


def where(page: Path) -> str:
    return name(page)


def leads_nowhere(page: Path, target: str) -> bool:
    """Whether a relative link has no file, or no such heading in it."""
    if re.match(r"[a-z]+:", target):
        return False
    file, _, anchor = target.partition("#")
    found = (page.parent / file).resolve() if file else page
    if not found.exists() or HOUSE not in (found, *found.parents):
        return True
    return bool(anchor) and (found.suffix != ".md" or anchor not in anchors(found))


@pytest.mark.parametrize("page", PAGES, ids=where)
def test_links_lead_somewhere(page: Path) -> None:
    assert not [target for target in links(page) if leads_nowhere(page, target)]


def test_a_link_to_nowhere_is_noticed(tmp_path: Path) -> None:
    page = HOUSE / "docs" / "index.md"
    assert leads_nowhere(page, "absent.md")
    assert leads_nowhere(page, "data-sets.md#absent")
    assert not leads_nowhere(page, "data-sets.md#what-to-respect")
    assert leads_nowhere(page, f"../..{tmp_path}")


@pytest.mark.parametrize("page", PAGES, ids=where)
def test_files_that_are_named_exist(page: Path) -> None:
    named = [code for code in inline_code(page) if PATH.match(code)]
    assert not [path for path in named if not (HOUSE / path).exists()]


@pytest.mark.parametrize("page", PAGES, ids=where)
def test_modules_and_names_in_them_exist(page: Path) -> None:
    """In ``methods.gltr.released.load_released(method, file)``: the module, and the name in it."""
    named = {found.group() for code in inline_code(page) if (found := DOTTED.match(code))}
    named |= {found for code in inline_code(page) for found in re.findall(r"python -m ((?:\w+\.)+\w+)", code)}
    assert not sorted(one for one in named if one.rsplit(".", 1)[-1] not in ENDINGS and not known(one))


def known(dotted: str) -> bool:
    """Whether a dotted name can be imported, its tail as attributes."""
    parts = dotted.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found: object = import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[end:]:
            if not hasattr(found, attribute):
                return False
            found = getattr(found, attribute)
        return True
    return False
