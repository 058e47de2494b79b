"""How a command ends: exit codes, one sentence for what the machine answers, output in any encoding."""

import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from files import exit_codes
from tests.places import HOUSE


class Known(ValueError):
    """An error that carries a sentence."""


def ends(error: BaseException, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    def run() -> int:
        raise error

    code = exit_codes.ended(run, {Known: ("error: ", 2)})
    return code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (Known("two\nlines"), 2, "error: two lines"),
        (Known(f"no part {'9' * 5000}; correct it"), 2, "99...(5,001 characters)...99"),
        (OSError(errno.ENOSPC, "No space left", "a.bin"), 2, "a.bin: no space left; nothing is lost"),
        (PermissionError(errno.EACCES, "Permission denied", "a"), 2, "once there is permission"),
        (OSError(errno.EROFS, "Read-only file system", "a"), 2, "once there is permission"),
        (FileNotFoundError(errno.ENOENT, "No such file", "x/a.npz"), 2, "x/a.npz: no such file; check the path"),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "x"), 2, "name another path"),
        (OSError(errno.EMFILE, "Too many open files", "x"), 2, "ulimit -n"),
        (OSError(errno.EIO, "Input/output error", "x"), 2, "what this machine answered"),
        (OSError(errno.ENOTCONN, "Transport endpoint is not connected"), 2, "what this machine answered"),
        (TimeoutError("timed out"), 2, "timed out"),
        (FileNotFoundError(errno.ENOENT, "No such file", b"\xe4"), 2, "\\udce4"),
        (MemoryError(), 3, "not enough memory"),
        (np._core._exceptions._ArrayMemoryError((10**9, 10**6), np.dtype("f8")), 3, "not enough memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), 3, "not enough memory"),
        (RecursionError("maximum recursion depth"), 2, "nested too deeply"),
        (UnicodeEncodeError("utf-8", "a\udce4.png", 1, 2, "surrogates not allowed"), 2, "a\\udce4.png"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_what_the_machine_answers_is_one_sentence(
    error: BaseException, code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found, said = ends(error, capsys)
    assert found == code and words in said
    assert len(said.splitlines()) == 1 and "Traceback" not in said


def test_room_and_permission_are_spoken_of_where_they_are_the_matter_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = ends(FileNotFoundError(errno.ENOENT, "No such file", "x/a.npz"), capsys)[1]
    assert "finished steps" not in said and "room" not in said


def test_a_full_gpu_is_told_without_importing_torch() -> None:
    kind = type("OutOfMemoryError", (RuntimeError,), {"__module__": "torch"})
    told = exit_codes.sentence(kind("CUDA out of memory. Tried to allocate 2 GiB"))
    assert told is not None and told[1] == 3 and "Tried to allocate 2 GiB" in told[0]


def test_a_fault_of_our_own_keeps_its_traceback_and_says_where_to_report_it() -> None:
    def run() -> int:
        raise KeyError("internal")

    with pytest.raises(KeyError) as caught:
        exit_codes.ended(run, {})
    assert caught.value.__notes__ == [exit_codes.REPORT]


WORK = r"""
import sys
from files import exit_codes
def run():
    print("mAP 65.2 \u2013 70.1 \u00d7 \u4e2d a\udce4b")
    sys.stderr.write("\u2212 note\n")
    return 1
sys.exit(exit_codes.ended(run, {}))
"""


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        ({"PYTHONIOENCODING": "latin-1"}, "mAP 65.2 - 70.1 \u00d7 ? a?b".encode("latin-1")),
        ({"PYTHONIOENCODING": "ascii"}, b"mAP 65.2 - 70.1 x ? a?b"),
        ({"PYTHONIOENCODING": "utf-8"}, "mAP 65.2 \u2013 70.1 \u00d7 \u4e2d a?b".encode()),
        ({"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, b"mAP 65.2 - 70.1 x ? a?b"),
    ],
)
def test_output_in_another_encoding_has_other_characters_and_the_exit_code_of_the_work(
    settings: dict[str, str], shown: bytes
) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LC_", "LANG"))}
    environment |= {"PYTHONPATH": str(HOUSE), **settings}
    done = subprocess.run([sys.executable, "-c", WORK], capture_output=True, env=environment, check=False)
    assert done.returncode == 1, done.stderr
    assert done.stdout.strip() == shown


@pytest.mark.skipif(os.name == "nt", reason="a shell of POSIX closes and fills the output")
@pytest.mark.parametrize(
    ("redirected", "code"), [(">&-", 1), ("2>&-", 1), (">&- 2>&-", 1), ("> /dev/full", 2), ("| head -c 0", None)]
)
def test_output_that_is_closed_full_or_unread(redirected: str, code: int | None) -> None:
    if "full" in redirected and not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    command = f'"$0" -c "$1" {redirected}'
    done = subprocess.run(
        ["sh", "-c", command, sys.executable, WORK], capture_output=True, check=False,
        env={**os.environ, "PYTHONPATH": str(HOUSE)},
    )  # fmt: skip
    assert code is None or done.returncode == code
    assert b"Traceback" not in done.stderr and b"Exception ignored" not in done.stderr


def test_streams_that_cannot_be_set_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    exit_codes.prepare_output()
    print("\u2013")
    assert sys.stdout.getvalue() == "\u2013\n"
