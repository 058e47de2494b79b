"""The shape of the house: no import circles, no crowded folders, no class name for three things, walls that hold.

Imports count wherever they stand: at the head of a module, inside a function, under ``TYPE_CHECKING``. What a folder
holds is found from the folder, so that a new paper, reader, record or section edits nothing here.
"""

import ast
from collections.abc import Iterable
from pathlib import Path

import grimp
import pytest

import methods
from runners.plan.import_closure import HOUSE, ROOTS

MOST_FILES = 15  # Python files in one folder
MOST_CLASSES = 2  # of one name

CLASSES_TO_RENAME: set[str] = set()
"""Names that still stand for three things or more: a name that is mended is struck off, and none is added."""

SECTIONS_TO_PART: set[tuple[str, str]] = set()
"""Sections of which the first still imports the second; the same rule."""


@pytest.fixture(scope="module")
def house() -> grimp.ImportGraph:
    """Imports of all packages, read from their sources."""
    return grimp.build_graph(*ROOTS, cache_dir=None)


def circles(graph: grimp.ImportGraph) -> list[list[str]]:
    """Groups of modules that reach one another, sorted.

    That importing ``a.b`` runs the package ``a`` first makes no circle; that ``a.b`` imports a name of ``a`` may.
    """
    above = {module: graph.find_upstream_modules(module) for module in graph.modules}
    groups = {frozenset({one, *(other for other in found if one in above[other])}) for one, found in above.items()}
    return sorted(sorted(group) for group in groups if len(group) > 1)


def crossings(graph: grimp.ImportGraph, room: str, kinds: Iterable[str] | None = None) -> set[tuple[str, str]]:
    """Which kinds of a room import which others, by name.

    Args:
        graph: of all packages.
        room: dotted name of a package whose modules or packages are kinds.
        kinds: names of its kinds; by default, every package in it.
    """
    if kinds is None:
        kinds = {child.rpartition(".")[2] for child in graph.find_children(room) if graph.find_children(child)}
    inside = {kind: {f"{room}.{kind}", *graph.find_descendants(f"{room}.{kind}")} for kind in kinds}
    reached = {
        kind: {other for module in modules for other in graph.find_modules_directly_imported_by(module)}
        for kind, modules in inside.items()
    }
    return {(one, two) for one in inside for two in inside if one != two and reached[one] & inside[two]}


def stating_a_kind(folder: Path) -> set[str]:
    """Modules of a folder that assign ``KIND``: each is one kind of record."""
    found = set()
    for file in folder.glob("*.py"):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            if any(isinstance(target, ast.Name) and target.id == "KIND" for target in targets):
                found.add(file.stem)
    return found


def sources() -> list[Path]:
    """Python files of the packages."""
    return sorted(file for root in ROOTS for file in (HOUSE / root).rglob("*.py"))


def test_every_file_of_the_packages_is_looked_at(house: grimp.ImportGraph) -> None:
    names = {".".join(file.relative_to(HOUSE).with_suffix("").parts).removesuffix(".__init__") for file in sources()}
    assert names == house.modules


def test_no_modules_import_one_another(house: grimp.ImportGraph) -> None:
    assert circles(house) == []


def test_no_folder_is_crowded() -> None:
    folders = {file.parent for root in (*ROOTS, "tests") for file in (HOUSE / root).rglob("*.py")}
    counts = {str(folder.relative_to(HOUSE)): len(list(folder.glob("*.py"))) for folder in folders}
    assert {folder: count for folder, count in counts.items() if count > MOST_FILES} == {}


def test_no_class_name_stands_for_three_things() -> None:
    """But for ``Options``, which the contract of methods asks of every paper."""
    papers = {HOUSE / "methods" / name / "options.py" for name in methods.papers()}
    places: dict[str, list[str]] = {}
    for file in sources():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not (node.name == "Options" and file in papers):
                places.setdefault(node.name, []).append(f"{file.relative_to(HOUSE)}:{node.lineno}")
    many = {name: found for name, found in places.items() if len(found) > MOST_CLASSES}
    assert {name: found for name, found in many.items() if name not in CLASSES_TO_RENAME} == {}
    assert set(many) >= CLASSES_TO_RENAME, f"mended, strike off: {sorted(CLASSES_TO_RENAME - set(many))}"


def test_readers_share_what_lies_below_them_or_what_two_cameras_share(house: grimp.ImportGraph) -> None:
    assert {pair for pair in crossings(house, "datasets.readers") if pair[1] != "two_cameras"} == set()


def test_kinds_of_records_import_no_other_kind(house: grimp.ImportGraph) -> None:
    assert crossings(house, "reports.records", stating_a_kind(HOUSE / "reports" / "records")) == set()


def test_sections_import_no_other_section_but_results(house: grimp.ImportGraph) -> None:
    found = {pair for pair in crossings(house, "reports.sections") if pair[1] != "results"}
    assert found - SECTIONS_TO_PART == set()
    assert found >= SECTIONS_TO_PART, f"mended, strike off: {SECTIONS_TO_PART - found}"


MADE_UP = {
    "__init__": "from . import lazy\n",
    "lazy/__init__": "",
    "lazy/one": "def late():\n    from made_up_house.lazy.two import NAME\n    return NAME\n",
    "lazy/two": "from . import one\nNAME = one.__name__\n",
    "typed/__init__": "",
    "typed/low": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..typed.high import High\n",
    "typed/high": "import made_up_house.typed.low\nclass High: pass\n",
    "kinds/__init__": "",
    "kinds/first/__init__": "",
    "kinds/first/record": "def late():\n    import made_up_house.kinds.second.tables as tables\n    return tables\n",
    "kinds/second/__init__": "",
    "kinds/second/tables": "import made_up_house.typed.low\n",
    "flat/__init__": "",
    "flat/masks": "from .shared import LAST\nKIND = LAST\n",
    "flat/labels": "from .masks import KIND as OTHER\nKIND: object = OTHER\n",
    "flat/shared": "LAST = 1\n",
}


def test_a_circle_or_a_broken_wall_would_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in MADE_UP.items():
        file = tmp_path / "made_up_house" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    graph = grimp.build_graph("made_up_house", cache_dir=None)
    assert circles(graph) == [
        ["made_up_house.lazy.one", "made_up_house.lazy.two"],
        ["made_up_house.typed.high", "made_up_house.typed.low"],
    ]
    assert crossings(graph, "made_up_house.kinds") == {("first", "second")}
    kinds = stating_a_kind(tmp_path / "made_up_house" / "flat")
    assert kinds == {"labels", "masks"}
    assert crossings(graph, "made_up_house.flat", kinds) == {("labels", "masks")}
