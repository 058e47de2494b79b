"""Which code decided a result: a digest of the syntax trees, blind to comments, docstrings and layout."""

import ast
import hashlib
from functools import cache
from pathlib import Path

HOUSE = Path(__file__).resolve().parent.parent


def code_digest(*places: str | Path) -> str:
    """Digest of Python files and of all Python files in folders (not below them).

    Args:
        places: paths relative to the repository's root, or absolute ones.

    Returns:
        16 hexadecimal digits that change when what the code does may have changed.
    """
    digest = hashlib.sha256()
    for place in places:
        path = HOUSE / place
        for file in [path] if path.is_file() else sorted(path.glob("*.py")):
            digest.update(f"{file.name}:{_tree(file)}".encode())
    return digest.hexdigest()[:16]


@cache
def _tree(file: Path) -> str:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()
