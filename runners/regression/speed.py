"""How long an arm takes beside a bare trunk: both in one process, in turns, so that a busy machine slows both alike.

The reference is torchvision's own ResNet of the arm's depth on as many frames of the same size, not a network of this
repository: if our trunk gets slower, the ratio shows it. Every arm is timed equally often, settled or not, as a
comparison with the baseline needs an interval in any case.
"""

import time
from functools import partial

import numpy as np
import torch
from scipy.stats import binom
from torch import nn
from torchvision.models import get_model

from protocols.admission import fixed_length
from protocols.cost import interleaved_timing
from protocols.cost.interleaved_timing import Call, Clock
from protocols.cost.latency import watch
from protocols.cost.measure import CostInput
from runners.regression.baseline import Ratio

LENGTHS = {"latency": 8, "throughput": 32}  # frames of the tracklet
FEWEST, MOST = 9, 40  # pairs; 9 are the fewest whose second values still bound a median at 95 %


def ratios(
    method: nn.Module, size: tuple[int, int], trunk: str, *, snippet: int | None, seconds: float
) -> dict[str, Ratio]:
    """Latency of 8 frames and time of 32 frames (the inverse of throughput), each over the trunk's.

    Args:
        method: an arm's network; weights do not matter.
        size: (height, width).
        trunk: torchvision's name of the reference, such as ``resnet50``.
        snippet: frames of a clip where the protocol cuts.
        seconds: to spend on each of the two; slow networks take more, see `FEWEST`.
    """
    method.eval()
    reference = get_model(trunk, weights=None, num_classes=1).eval()
    feed = CostInput(method, size, torch.device("cpu"), fixed_length(method, size), snippet)
    found = {}
    with torch.inference_mode():
        for name, length in LENGTHS.items():
            clips, mask = feed.clips(length)
            images = clips.flatten(0, 1)  # [S * T, 3, H, W]
            pairs = in_turns(partial(method, clips, mask), partial(reference, images), seconds)
            found[name] = interval(pairs)
    return found


def in_turns(one: Call, other: Call, seconds: float, clock: Clock = time.perf_counter) -> list[float]:
    """Time of ``one`` over that of ``other``, again and again, each pair back to back and in alternating order."""
    found = interleaved_timing.in_turns(
        one,
        other,
        watch(torch.device("cpu"), clock),
        seconds,
        fewest=FEWEST,
        most=MOST,
        warm_up_share=0.0,
        until=lambda so_far: False,
        clock=clock,
    )
    return list(found.ratios)


def interval(pairs: list[float]) -> Ratio:
    """The median with its 95 % interval from order statistics, which holds whatever the noise looks like."""
    ordered = np.sort(np.array(pairs, dtype=np.float64))
    count = len(ordered)
    low = max(0, int(binom.ppf(0.025, count, 0.5)) - 1)
    return Ratio(float(np.median(ordered)), float(ordered[low]), float(ordered[count - 1 - low]))
