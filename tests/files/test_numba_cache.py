"""Kernels are compiled wherever their machine code can be kept, and where it cannot."""

from pathlib import Path
from typing import Any

import numba
import numba.core.config
import numpy as np
import pytest

from files import numba_cache

SOURCE = """
def total(values):
    found = 0.0
    for value in values:
        found += value
    return found
"""


@pytest.fixture
def total(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A kernel in a folder where its machine code cannot be kept, of somebody without a home."""
    folder = tmp_path / "read-only"
    folder.mkdir()
    (folder / "__pycache__").touch()  # a file where the folder would be: so it is for root too
    (folder / "kernel.py").write_text(SOURCE)
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, "/dev/null")
    made: dict[str, Any] = {}
    exec(compile(SOURCE, str(folder / "kernel.py"), "exec"), made)
    return made["total"]


def test_numba_alone_refuses_such_a_kernel(total: Any) -> None:
    with pytest.raises(RuntimeError, match="cannot cache function"):
        numba.njit(cache=True)(total)


def test_where_nothing_can_be_written_a_kernel_is_compiled_all_the_same(
    monkeypatch: pytest.MonkeyPatch, total: Any
) -> None:
    monkeypatch.setattr(numba_cache, "_own_temporary", lambda: None)
    kernel = numba_cache.compiled(total)
    assert kernel(np.arange(5.0)) == 10
    assert kernel.stats.cache_path is None


def test_a_folder_that_cannot_be_written_is_passed_over_for_the_next(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, total: Any
) -> None:
    monkeypatch.setattr(numba_cache, "_own_temporary", lambda: tmp_path)
    before = numba.core.config.CACHE_DIR
    kernel = numba_cache.compiled(total, name="here")
    assert before == numba.core.config.CACHE_DIR
    assert kernel(np.arange(3.0)) == 3 and list((tmp_path / "here").rglob("*.nbi"))


def test_code_of_another_user_is_not_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(numba_cache.tempfile, "gettempdir", lambda: str(tmp_path))
    own = numba_cache._own_temporary()
    assert own is not None and own.parent == tmp_path
    own.chmod(0o777)  # others could put machine code there
    assert numba_cache._own_temporary() is None
    own.rmdir()
    own.symlink_to(tmp_path)
    assert numba_cache._own_temporary() is None
