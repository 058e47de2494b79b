"""The code digest changes when behaviour may change, and not when words change."""

from pathlib import Path

from runners.sources import code_digest


def _digest(folder: Path, text: str) -> str:
    folder.mkdir(exist_ok=True)
    (folder / "a.py").write_text(text)
    from runners import sources

    sources._tree.cache_clear()
    return code_digest(folder)


def test_comments_docstrings_and_layout_do_not_count(tmp_path: Path) -> None:
    plain = _digest(tmp_path, "def f(x):\n    return x + 1\n")
    assert _digest(tmp_path, 'def f( x ):  # adds one\n    """Add one."""\n\n    return (x + 1)\n') == plain


def test_behaviour_counts(tmp_path: Path) -> None:
    plain = _digest(tmp_path, "def f(x):\n    return x + 1\n")
    assert _digest(tmp_path, "def f(x):\n    return x + 2\n") != plain
    assert _digest(tmp_path, 'NAME = "a"\ndef f(x):\n    return x + 1\n') != plain
