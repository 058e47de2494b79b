"""How a command ends: its exit code, one sentence where something is wrong, and output that any terminal can show.

What is wrong in the user's files, paths, terminal or machine ends with a sentence. What is a fault of the suite keeps
its traceback, with a line that says where to report it.
"""

import codecs
import errno
import io
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final, TextIO

BAD_INPUT: Final = 2
NOT_HERE: Final = 3
INTERRUPTED: Final = 130  # as a shell tells it: 128 and the number of the signal
NO_READER: Final = 141
REPORT: Final = "This is a fault of Reproid, not of your data: please report it with the lines above."
_FULL: Final = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN: Final = {errno.EACCES, errno.EPERM, errno.EROFS}
_KEPT: Final = "nothing is lost: finished steps are kept and the same command goes on from them"
_PLAIN: Final = str.maketrans("–—−×≤≥…’‘“”Δ·→±²", "---x<>.''\"\"d.>~2")


def ended(
    run: Callable[[], int], answers: Mapping[type[BaseException], tuple[str, int]], interrupted: str = "interrupted."
) -> int:
    """Run a command and give its exit code.

    Args:
        run: the command; gives its exit code.
        answers: classes of errors that carry a sentence, each with the word before it and the exit code.
        interrupted: what is said where the user ends it.
    """
    prepare_output()
    try:
        code = _answered(run, answers, interrupted)
        sys.stdout.flush()
    except BrokenPipeError:
        _drop(sys.stdout)
        return NO_READER
    except OSError as error:  # the output itself cannot be written
        _drop(sys.stdout)
        return _say(f"error: the output could not be written: {_reason(error)}.", BAD_INPUT)
    return code


def _answered(run: Callable[[], int], answers: Mapping[type[BaseException], tuple[str, int]], interrupted: str) -> int:
    try:
        return run()
    except BrokenPipeError:
        raise
    except tuple(answers) as error:
        word, code = next(answer for kind, answer in answers.items() if isinstance(error, kind))
        return _say(f"{word}{one_line(error)}", code)
    except KeyboardInterrupt:
        return _say(interrupted, INTERRUPTED)
    except Exception as error:  # raised again with a note, unless the machine is what failed
        told = sentence(error)
        if told is None:
            error.add_note(REPORT)
            raise
        return _say(told[0], told[1])


def sentence(error: BaseException) -> tuple[str, int] | None:
    """What is said of an error that comes from the user's machine, and the exit code; None for a fault of the suite."""
    if isinstance(error, MemoryError) or _out_of_memory(error):
        more = f" ({one_line(error)[:160]})" if str(error) else ""
        return (
            f"not possible here: there is not enough memory{more}; free some, or ask for less at once, such as smaller "
            "frames or fewer workers.",
            NOT_HERE,
        )
    if isinstance(error, RecursionError):
        return (
            "error: something that was read is nested too deeply to be followed; look for a damaged file.", BAD_INPUT
        )  # fmt: skip
    if isinstance(error, UnicodeError) and (text := _unwritable(error)) is not None:
        return (
            f"error: {text} has characters that cannot be written here; rename it, or set PYTHONUTF8=1.", BAD_INPUT
        )  # fmt: skip
    if isinstance(error, OSError):
        return _of_system(error), BAD_INPUT
    return None


def _of_system(error: OSError) -> str:
    named = [ascii_name(one) for one in (error.filename, error.filename2) if one is not None]
    where = f"{' and '.join(named)}: " if named else ""
    what = _reason(error)
    if error.errno in _FULL:
        return f"error: {where}{what}; {_KEPT} once there is room."
    if error.errno in _FORBIDDEN:
        return f"error: {where}{what}; {_KEPT} once there is permission."
    if error.errno == errno.ENOENT:
        return f"error: {where}{what}; check the path, and make the folder that it should be in."
    if error.errno in (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG):
        return f"error: {where}{what}; name another path."
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return f"error: {where}{what}; allow more with `ulimit -n 4096`, or use fewer workers."
    return f"error: {where}{what}; that is what this machine answered: once it is well again, {_KEPT}."


def _reason(error: OSError) -> str:
    return (error.strerror if isinstance(error.strerror, str) else one_line(error) or type(error).__name__).lower()


def _out_of_memory(error: BaseException) -> bool:
    """PyTorch's own error where a GPU is full, and what its allocator says on a CPU; without importing it."""
    if type(error).__name__ == "OutOfMemoryError" and type(error).__module__.partition(".")[0] == "torch":
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def _unwritable(error: UnicodeError) -> str | None:
    """A name in an encoding that the system does not have."""
    whole = getattr(error, "object", None)
    return ascii_name(whole) if isinstance(whole, str | bytes) and len(whole) < 5000 else None


def ascii_name(name: Any) -> str:
    """A path as it can be shown; what is no text is shown as ``\\udce4``."""
    text = os.fsdecode(name) if isinstance(name, str | bytes | os.PathLike) else str(name)
    return text.encode("utf-8", "backslashreplace").decode()


def one_line(error: BaseException) -> str:
    """An error's message without line breaks; of a word longer than any path, such as a damaged cell, its two ends."""
    return " ".join(_shortened(word) for word in str(error).split())


def _shortened(word: str) -> str:
    if len(word) <= _LONGEST:
        return word
    return f"{word[:_SHOWN]}...({len(word):,} characters)...{word[-_SHOWN:]}"


_LONGEST: Final = 1000
_SHOWN: Final = 100


def prepare_output() -> None:
    """See that whatever is printed can be: in any encoding, and where output was closed."""
    codecs.register_error("reproid", _replaced)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None or getattr(stream, "closed", False):
            nowhere = io.TextIOWrapper(io.FileIO(os.devnull, "w"), encoding="utf-8", errors="reproid")
            setattr(sys, name, nowhere)
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="reproid")


def _replaced(error: UnicodeError) -> tuple[str, int]:
    """Characters that an encoding lacks: a plain one that looks like it, or a question mark, so that columns stay."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(_PLAIN)
    return "".join(one if one.isascii() else "?" for one in text), error.end


def _drop(stream: TextIO) -> None:
    """Python flushes once more as it ends: let that go nowhere."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except (OSError, ValueError):
        return


def _say(text: str, code: int) -> int:
    try:
        sys.stderr.write(f"{text}\n")
    except OSError:
        _drop(sys.stderr)
    return code
