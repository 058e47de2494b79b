"""Several processes for one command, as ``torchrun`` starts them: who they are, and that only the first one speaks."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING

from files.exit_codes import one_line
from runners.errors import NotPossible, RunError
from runners.progress import Silent, shown_on

if TYPE_CHECKING:
    from protocols.ranking.distributed import TorchProcesses


_UNSET = "start several processes with torchrun, or unset WORLD_SIZE and RANK for one"


@contextmanager
def process_group() -> Iterator["TorchProcesses | None"]:
    """The processes of this run while it lasts; ``None`` where it was not started by torchrun, or for one alone.

    Raises:
        RunError: the environment says that there are several, but not where they meet.
        NotPossible: they do not meet.
    """
    if _number("WORLD_SIZE", 1) < 2 or "RANK" not in os.environ:
        yield None
        return
    if not 0 <= _number("RANK", 0) < _number("WORLD_SIZE", 1):
        raise RunError(f"RANK={os.environ['RANK']} is none of {os.environ['WORLD_SIZE']} processes; {_UNSET}.")
    absent = [name for name in ("MASTER_ADDR", "MASTER_PORT") if not os.environ.get(name)]
    if absent:
        raise RunError(f"WORLD_SIZE and RANK are set, but not {' and '.join(absent)}; {_UNSET}.")
    if not 0 < _number("MASTER_PORT", 0) < 65536:
        raise RunError(f"MASTER_PORT={os.environ['MASTER_PORT']} is no port; {_UNSET}.")
    from torch import distributed

    from protocols.ranking.distributed import TorchProcesses

    try:
        distributed.init_process_group("gloo")  # the numbers that cross are few and lie in main memory
    except (RuntimeError, OSError, ValueError) as error:
        place = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        raise NotPossible(f"the processes did not meet at {place} ({one_line(error)[:200]}); {_UNSET}.") from error
    try:
        yield TorchProcesses()
    finally:
        distributed.destroy_process_group()


def _number(name: str, default: int) -> int:
    """A whole number out of the environment.

    Raises:
        RunError: it is none.
    """
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    try:
        return int(text)
    except ValueError:
        raise RunError(f"{name}={text!r} is no whole number; {_UNSET}.") from None


@contextmanager
def silence_other_ranks() -> Iterator[None]:
    """No bars, notes or output: for all processes but the first."""
    with shown_on(Silent()), redirect_stdout(StringIO()):
        yield


def device_of(wanted: str) -> str:
    """``cuda`` becomes this process's own GPU of the machine, ``cuda:1`` stays what it is."""
    local = os.environ.get("LOCAL_RANK", "")
    return f"cuda:{local}" if wanted == "cuda" and local.isdecimal() else wanted
