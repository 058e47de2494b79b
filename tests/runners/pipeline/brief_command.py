"""The main command as a process of its own whose workers are as quick as it: narrow trunks, short timing, and faults.

``REPROID_TEST_FAULT`` is what happens in a worker, and where: ``fails:gltr seed 1``, ``killed:gltr seed 1`` or
``slow:gltr seed 1``.
"""

import os
import signal
import sys
import time
from multiprocessing import parent_process
from typing import Any

import torchvision

from protocols.cost import measure
from runners.errors import ArmRejected
from runners.pipeline import examination
from runners.pipeline.job import Job
from runners.pipeline.result_files import Wanted
from tests.narrow import model
from tests.runners.conftest import beside


def _fails(name: str) -> None:
    raise ArmRejected(f"{name} was rejected by a test; leave it out.", "a test")


def _killed(name: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _slow(name: str) -> None:
    time.sleep(600)


FAULTS = {"fails": _fails, "killed": _killed, "slow": _slow}


def _faulty(what: str, where: str) -> None:
    real = Job.make

    def make(self: Job, wanted: Wanted) -> Any:
        if wanted.name == where and parent_process() is not None:
            FAULTS[what](where)
        return real(self, wanted)

    Job.make = make  # type: ignore[method-assign]


if __name__ in ("__main__", "__mp_main__"):  # a worker imports the command's module under the second name
    torchvision.models.get_model = model
    examination.COST_SECONDS, examination.COST_LENGTHS = 0.05, (2, 8)
    measure.bare_trunk = beside
    if fault := os.environ.get("REPROID_TEST_FAULT"):
        _faulty(*fault.split(":"))

if __name__ == "__main__":
    from runners.reproduce import main

    sys.exit(main(sys.argv[1:]))
