"""Says what hardware and which libraries a measurement was taken on."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import torch

from files.cores import usable_cores


def kind(device: torch.device) -> str:
    """``gpu`` or ``cpu``: the prefix of every metric that depends on it, so that the two are never mixed."""
    return "gpu" if device.type == "cuda" else "cpu"


def describe(device: torch.device) -> dict[str, Any]:
    """Name, size and settings of a device, all of them plain values for JSON.

    A CPU gives ``cores`` (that this process may use), ``threads`` (that torch uses) and ``isa`` (torch's instruction
    set); a GPU gives ``memory_gb``, ``capability``, ``cuda``, ``cudnn`` and whether TF32 is allowed.
    """
    out: dict[str, Any] = {"device": kind(device), "torch": str(torch.__version__)}
    if device.type == "cuda":
        props = torch.cuda.get_device_properties(device)
        return out | {
            "name": props.name,
            "memory_gb": round(props.total_memory / 2**30, 1),
            "capability": f"{props.major}.{props.minor}",
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
            "tf32": bool(torch.backends.cuda.matmul.allow_tf32 or torch.backends.cudnn.allow_tf32),
        }
    return out | {
        "name": _processor(),
        "cores": usable_cores(),
        "threads": torch.get_num_threads(),
        "isa": torch.backends.cpu.get_cpu_capability(),
    }


def load_average() -> float | None:
    """Processes that wanted a core, averaged over the last minute; this one is among them. None where nobody tells."""
    try:
        return round(os.getloadavg()[0], 2)
    except (AttributeError, OSError):  # not on this system
        return None


def _processor() -> str:
    """The processor's own name where the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            field, _, value = line.partition(":")
            if field.strip() in ("model name", "Model"):
                return value.strip()
    return platform.processor() or platform.machine() or "unknown"
