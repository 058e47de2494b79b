"""How every command ends: an exit code, and one sentence where something is wrong.

Exit codes: 0 done, 1 a check failed, 2 bad input, 3 not possible here, 130 interrupted, 141 nobody reads the
output any more.
"""

import errno
import os
import sys
from collections.abc import Callable, Sequence

from datasets.errors import DataError
from methods.errors import MethodError
from protocols.errors import ProtocolError
from reports.errors import ReportError
from runners.errors import NotPossible, RunError, TrainingFailed

_NO_READER = 141  # as a shell tells it: 128 and the number of the signal
BAD_INPUT = (DataError, MethodError, ProtocolError, ReportError, RunError)
# An OSError of these kinds is about the user's machine (a full disk, a folder that may not be written), not
# a fault of ours; any other one keeps its traceback.
_USERS_DISK = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ENOENT,
    errno.EEXIST,
    errno.ENAMETOOLONG,
}


def guarded(main: Callable[[Sequence[str] | None], int]) -> Callable[..., int]:
    """Wrap a command's ``main`` so that bad input ends with one line on stderr and the right exit code."""

    def run(argv: Sequence[str] | None = None) -> int:
        try:
            return main(argv)
        except BAD_INPUT as error:
            return _say(f"error: {one_line(error)}", 2)
        except TrainingFailed as error:
            return _say(f"failed: {one_line(error)}", 1)
        except NotPossible as error:
            return _say(f"not possible here: {one_line(error)}", 3)
        except OSError as error:
            if error.errno not in _USERS_DISK:
                raise
            where = f"{error.filename}: " if error.filename else ""
            what = (error.strerror or str(error)).lower()
            return _say(
                f"error: {where}{what}; nothing is lost: finished steps are kept and the same command goes on "
                "from them once there is room and permission to write.",
                2,
            )
        except KeyboardInterrupt:
            return _say("interrupted: finished steps are kept; the same command goes on from there.", 130)

    return lambda argv=None: _piped(run, argv)


def _piped(run: Callable[[Sequence[str] | None], int], argv: Sequence[str] | None) -> int:
    """Run a command whose output may have no reader any more (`| head`): then it ends without a word."""
    try:
        code = run(argv)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more as it ends
        return _NO_READER
    return code


def one_line(error: BaseException) -> str:
    """An error's message without line breaks."""
    return " ".join(str(error).split())


def _say(text: str, code: int) -> int:
    print(text, file=sys.stderr)
    return code
