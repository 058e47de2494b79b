"""A cost record as `python -m runners.cost` writes it: a linear arm, one that grows with the square, one that fails."""

from typing import Any

LENGTHS, BATCHES = (1, 2, 4, 8), (1, 4)


def cell(frames: int, batch: int, gflops: float | None, ms: float | None, left_out: str = "") -> dict[str, Any]:
    """One cell; its rate, samples and roofline follow from the rest."""
    return {
        "frames": frames, "batch": batch, "clips": [1, frames], "left_out": left_out, "gflops": gflops,
        "gmacs": gflops and gflops / 2, "uncounted": "", "ms_p50": ms, "ms_p95": ms and 1.5 * ms,
        "samples_ms": [ms] if ms else [], "warm_up": 1, "first_s": 0.5, "peak_memory_mb": 10.0 * frames if ms else None,
        "frames_per_s": 1000 * frames * batch / ms if ms else None,
        "roofline": {"share": 0.25} if ms and gflops else None,
    }  # fmt: skip


def grid(way: str, squared: bool, until: int = 8) -> dict[str, Any]:
    """All cells of one arm: 2 GFLOPs and 10 ms a frame, or a frame and each other one."""
    cells = []
    for batch in BATCHES:
        for t in LENGTHS:
            work = t * t if squared else t
            if t > until:
                cells.append(cell(t, batch, None, None, "out of memory: tried to allocate 2 GiB"))
            else:
                cells.append(cell(t, batch, 2.0 * work * batch, 10.0 * work * batch))
    return {
        "way": {"name": way, "arithmetic": "fp32", "channels_last": False, "compiled": False}, "clip_length": None,
        "params_m": 23.5, "counter": "fvcore", "cells": cells, "left_out": sum(bool(c["left_out"]) for c in cells),
    }  # fmt: skip


def record() -> dict[str, Any]:
    """Two ways of two arms, and a third arm that could not be built."""
    arms = [
        {"arm": "linear", "label": "Linear", "role": "baseline", "grids": [grid("fp32", False), grid("bf16", False)]},
        {"arm": "square", "label": "All pairs", "role": "proposed",
         "grids": [grid("fp32", True, until=4), grid("bf16", True)]},
    ]  # fmt: skip
    return {
        "schema": 1, "kind": "cost", "paper": "gltr", "title": "Global-Local Temporal Representations",
        "command": "python -m runners.cost --paper gltr", "measured": "2026-11-23T06:00:00+00:00", "size": [64, 32],
        "device": {"device": "cpu", "name": "Some CPU", "threads": 2, "torch": "2.11.0"},
        "ceilings": {"gflops_per_s": {"fp32": 100.0, "bf16": 200.0}, "gbytes_per_s": 20.0},
        "environment": {"code_sha": "abc", "dirty": False}, "arms": arms,
        "left_out": [{"arm": "broken", "reason": "it failed with ValueError: no"}],
    }  # fmt: skip
