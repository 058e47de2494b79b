"""How every command ends: an exit code, and one sentence where something is wrong.

Exit codes: 0 done, 1 a check failed, 2 bad input, 3 not possible here, 130 interrupted, 141 nobody reads the
output any more.
"""

from collections.abc import Callable, Sequence

from datasets.errors import DataError
from files import arguments, exit_codes
from files.errors import FileError
from files.exit_codes import one_line
from methods.errors import MethodError
from protocols.errors import ProtocolError
from reports.errors import ReportError
from runners.errors import NotPossible, RunError, TrainingFailed

__all__ = ["BAD_INPUT", "guarded", "one_line"]

BAD_INPUT = (DataError, FileError, MethodError, ProtocolError, ReportError, RunError)
_ANSWERS: dict[type[BaseException], tuple[str, int]] = {
    **dict.fromkeys(BAD_INPUT, ("error: ", exit_codes.BAD_INPUT)),
    TrainingFailed: ("failed: ", 1),
    NotPossible: ("not possible here: ", exit_codes.NOT_HERE),
}


def guarded(main: Callable[[Sequence[str] | None], int]) -> Callable[..., int]:
    """Wrap a command's ``main`` so that bad input ends with one line on stderr and the right exit code."""

    def run(argv: Sequence[str] | None = None) -> int:
        return exit_codes.ended(
            lambda: main(arguments.words(argv)),
            _ANSWERS,
            "interrupted: finished steps are kept; the same command goes on from there.",
        )

    return run
