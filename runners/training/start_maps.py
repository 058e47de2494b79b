"""Maps of the frozen part of a trunk before anything is trained: from the starting weights alone.

Several processes that make the results of a job would all begin with them, and one would make them while the others
wait. What is frozen is known from the plan, and what it makes of a frame follows from the start.
"""

from torch import nn

from methods.layers.resnet import shared_block
from methods.starts.load import load_start
from runners.plan.plan_types import ArmRun, PlannedStage
from runners.training.stage import build_method, keep_start


def network_at_start(last: PlannedStage, num_ids: int, device: str) -> nn.Module | None:
    """An arm's network with the start in its trunks, in eval mode; None where nothing of it stays frozen.

    Args:
        last: the arm's last stage.
        num_ids: training identities.
        device: such as ``cpu``.
    """
    first = last.chain()[0]
    if not first.starts:
        return None
    method = build_method(ArmRun(last.run.arm), num_ids, last.training_seed, last.size, device, last.precision)
    keep_start(method, last)
    if not shared_block(method):
        return None
    load_start(method, first.starts)
    return method.eval()
