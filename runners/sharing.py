"""Several processes for one command, as ``torchrun`` starts them: who they are, and that only the first one speaks."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING

from runners.progress import Bar, shown_on

if TYPE_CHECKING:
    from protocols.processes import TorchProcesses


@contextmanager
def joined() -> Iterator["TorchProcesses | None"]:
    """The processes of this run while it lasts; ``None`` where it was not started by torchrun, or for one alone."""
    if int(os.environ.get("WORLD_SIZE") or 1) < 2 or "RANK" not in os.environ:
        yield None
        return
    from torch import distributed

    from protocols.processes import TorchProcesses

    distributed.init_process_group("gloo")  # the numbers that cross are few and lie in main memory
    try:
        yield TorchProcesses()
    finally:
        distributed.destroy_process_group()


@contextmanager
def quiet() -> Iterator[None]:
    """No bars, notes or output: for all processes but the first."""
    with shown_on(_Nowhere()), redirect_stdout(StringIO()):
        yield


def device_of(wanted: str) -> str:
    """``cuda`` becomes this process's own GPU of the machine, ``cuda:1`` stays what it is."""
    local = os.environ.get("LOCAL_RANK", "")
    return f"cuda:{local}" if wanted == "cuda" and local.isdecimal() else wanted


class _Nowhere:
    """A screen that shows nothing."""

    def bar(self, title: str, total: int, unit: str, done: int) -> AbstractContextManager[Bar]:
        return nullcontext(self)

    def note(self, text: str) -> None:
        return

    def update(self, n: int) -> None:
        return

    def set_postfix_str(self, s: str, refresh: bool = True) -> None:
        return
