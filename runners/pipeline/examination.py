"""Admission and cost of an arm, and whether it can depend on the order of frames, before anything is trained for it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from files.cores import usable_cores
from protocols.interface import Protocol
from protocols.order_dependence import order_change
from protocols.test_time.inputs import snippet_length
from runners.errors import ArmRejected
from runners.plan.plan_types import ArmRun, JobConfig
from runners.plan.result_steps import examine_step
from runners.plan.step_store import StepStore, read_json, write_json
from runners.progress import note
from runners.training.stage import build_method

COST_LENGTHS = (8, 64)
COST_SECONDS = 0.5  # at most, where nothing settles sooner
_FILE = "examined.json"


def examine(
    run: ArmRun, size: tuple[int, int], protocol: Protocol, config: JobConfig, steps: StepStore
) -> dict[str, Any]:
    """What the protocol looked at, and what the network costs; an arm's controls share it.

    Of an arm that claims to use time ``order`` holds ``change``, see `protocols.order_dependence.order_change`.

    Args:
        run: the arm, or one of its controls.
        size: (height, width) of frames.
        protocol: that admits it.
        config: of the job.
        steps: where it is kept.

    Raises:
        ArmRejected: by the protocol.
    """
    from protocols.cost import measure

    measured: dict[str, Any] = {"lengths": list(COST_LENGTHS), "seconds": COST_SECONDS}
    if run.arm.temporal:
        measured["order"] = True
    step = examine_step(run, size, protocol.as_dict(), config, measured)
    if not steps.done(step):
        note(f"examine {run.arm.text}: admission to {protocol.name}, operations, latency ...")
        began = time.monotonic()
        method = _built(run, size, config)
        admission = protocol.admit(method, size)
        if not admission.admitted:
            reason = "; ".join(admission.reasons)
            raise ArmRejected(
                f"{protocol.name} does not admit {run.arm.text} ({reason}); nothing was trained for it. "
                "Leave the arm out, or score it under another protocol.",
                reason,
            )
        with steps.running(step) as folder, _all_cores():
            if folder is not None:
                cost = measure.measure(
                    method,
                    size,
                    lengths=COST_LENGTHS,
                    device=config.device,
                    budget_s=COST_SECONDS,
                    snippet=snippet_length(protocol.feed),
                )
                found = {"admission": admission.as_dict(), "cost": cost.as_dict()}
                if run.arm.temporal:
                    found["order"] = {"change": order_change(_built(run, size, config), size)}
                write_json(folder / _FILE, found)
        note(f"examine {run.arm.text}: admitted ({time.monotonic() - began:.0f} s)")
    examined: dict[str, Any] = read_json(steps.folder(step) / _FILE)
    return examined


def _built(run: ArmRun, size: tuple[int, int], config: JobConfig) -> nn.Module:
    """The arm's network with initial weights, in eval mode."""
    return build_method(ArmRun(run.arm), config.num_ids, 0, size, config.device, "fp32").eval()


@contextmanager
def _all_cores() -> Iterator[None]:
    """Nothing else runs while costs are measured, so a network has the whole machine, as it would have in use."""
    threads = torch.get_num_threads()
    torch.set_num_threads(max(threads, usable_cores()))
    try:
        yield
    finally:
        torch.set_num_threads(threads)
