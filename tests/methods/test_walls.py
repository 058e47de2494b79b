"""Walls inside the floor of methods: a paper imports no other paper, and the standard layers import none.

Found from the folders, so that adding a paper edits no list.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import methods

HOME = Path(methods.__file__).parent
PAPERS = set(methods.papers())


def imported(file: Path) -> Iterator[str]:
    """Parts of `methods` that a file imports, by their first name: ``gltr``, ``layers``, ``errors`` ..."""
    depth = len(file.relative_to(HOME).parts)  # of a relative import that means `methods` itself
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == depth:
            yield from ([node.module.split(".")[0]] if node.module else [name.name for name in node.names])
        elif isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").startswith("methods."):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (name.name.split(".")[1] for name in node.names if name.name.startswith("methods."))


@pytest.mark.parametrize("folder", sorted(PAPERS | {"layers"}))
def test_no_paper_is_imported_from_beside(folder: str) -> None:
    files = sorted((HOME / folder).glob("**/*.py"))
    assert files
    seen = {name for file in files for name in imported(file)}
    assert not seen & (PAPERS - {folder})
    assert seen <= {"errors", "interface", "layers", folder}


def test_the_reader_of_imports_sees_every_spelling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "HOME", tmp_path)
    file = tmp_path / "paper" / "model.py"
    file.parent.mkdir()
    file.write_text(
        "from ..gltr.model import GLTR\nfrom .. import arms\nfrom .options import Options\n"
        "import methods.baseline\nfrom methods.layers.resnet import Trunk\nimport torch\n"
    )
    assert sorted(imported(file)) == ["arms", "baseline", "gltr", "layers"]
