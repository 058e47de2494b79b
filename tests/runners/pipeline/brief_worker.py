"""What workers of a job do in tests: their networks are as narrow as the command's, and one of them may meet a fault.

A worker is a process of its own, where nothing that a test patched holds; it imports this module to find `make`.
``REPROID_TEST_FAULT`` names what happens and where, as in ``killed:gltr seed 1``.
"""

import os
import signal
import time
from multiprocessing import parent_process
from typing import Any

import torchvision

from protocols.cost import measure
from runners.errors import ArmRejected
from runners.pipeline import examination, side_by_side
from tests.narrow import model

FAULT = "REPROID_TEST_FAULT"


def make(parts: Any, asked: Any) -> str:
    """As `runners.pipeline.side_by_side` makes a result, unless a fault lies there."""
    what, _, where = os.environ.get(FAULT, "").partition(":")
    if where == asked.wanted.name:
        if what == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if what == "rejected":
            raise ArmRejected(f"{where} is not admitted by a test; leave it out.", "a test")
        time.sleep(600)
    return MAKE(parts, asked)


MAKE = side_by_side.make

if parent_process() is not None and parent_process().name == "MainProcess":  # a worker
    from tests.runners.conftest import beside

    torchvision.models.get_model = model
    examination.COST_SECONDS, examination.COST_LENGTHS = 0.05, (2, 8)
    measure.bare_trunk = beside
