"""What a number was made on: versions, processor, threads, git state.

Bit-equality is promised within one :func:`runtime` only, so that part is in every fingerprint; the rest is
recorded beside the result.
"""

import os
import platform
import re
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from files.cores import usable_cores
from protocols.vocabulary import ARITHMETICS, Arithmetic
from reports.store.uri import shown
from runners.errors import NotPossible, RunError
from runners.plan.import_closure import HOUSE

Precision = Arithmetic
PRECISIONS = ARITHMETICS
LIBRARIES = (
    "torch",
    "torchvision",
    "numpy",
    "scipy",
    "numba",
    "pillow",
    "simplejpeg",
    "mlflow",
    "pandas",
    "fvcore",
)


def choose_device(wanted: str) -> str:
    """``auto`` -> ``cuda`` where there is one, else ``cpu``.

    From then on products of float32 are whole on a GPU; TF32, which torch leaves on for convolutions, is switched on
    only around a network that computes in it (`protocols.precision.computing`).

    Raises:
        NotPossible: a GPU was asked for by name and there is none.
        RunError: the name is not a device.
    """
    import torch

    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if not re.fullmatch(r"cpu|cuda(:\d{1,3})?", wanted, re.ASCII):
        raise RunError(f"--device {wanted}: expected auto, cpu or cuda (cuda:1 for the second GPU).")
    if wanted == "cpu":
        return wanted
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if not there:
        raise NotPossible("no CUDA device was found; use --device cpu, or --device auto to take what is there.")
    if int(wanted.partition(":")[2] or 0) >= there:
        raise NotPossible(f"--device {wanted}: there are {there} CUDA devices, numbered from 0.")
    return wanted


def choose_precision(wanted: str, device: str) -> Precision:
    """In what numbers networks compute on a device.

    Args:
        wanted: one of `PRECISIONS`; or ``auto``: ``bf16`` where the hardware multiplies it natively, else ``fp32``.
        device: such as ``cpu``.

    Raises:
        NotPossible: asked for by name, and this device does not compute in them.
        RunError: there are no such numbers.
    """
    import torch

    from protocols.precision import why_not

    if wanted == "auto":
        if device.startswith("cuda"):
            return "bf16" if why_not("bf16", torch.device(device)) is None else "fp32"
        return "bf16" if {"avx512_bf16", "amx_bf16"} & _processor()["flags"] else "fp32"
    for precision in PRECISIONS:
        if precision == wanted:
            reason = why_not(precision, torch.device(device))
            if reason is not None:
                raise NotPossible(f"precision {precision} on {device}: {reason}; use --precision fp32.")
            return precision
    raise RunError(f"precision {wanted!r} is unknown; expected auto, {', '.join(PRECISIONS)}.")


def runtime(device: str) -> dict[str, Any]:
    """What bits depend on besides the inputs: library versions, instruction set, threads, device, decoder of images."""
    import torch

    from datasets.images import decode

    made_of: dict[str, Any] = {
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "isa": torch.backends.cpu.get_cpu_capability(),
        "onednn_isa": os.environ.get("ONEDNN_MAX_CPU_ISA", "default"),
        "device": "cpu",
        "decoder": decode.version(),
    }
    if device.startswith("cuda"):
        made_of["device"] = torch.cuda.get_device_name(device)
        made_of["cuda"] = torch.version.cuda
    return made_of


@cache
def describe() -> dict[str, Any]:
    """The machine, the libraries and the state of the code, for the record."""
    from datasets.images import decode

    versions = {}
    for name in LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "absent"
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": _processor()["name"],
        "cores": usable_cores(),
        "libraries": versions,
        "decoder": decode.version(),
        **git_state(HOUSE),
    }


def git_state(folder: Path) -> dict[str, Any]:
    """``{"code_sha": ..., "dirty": ...}``; unknown outside a checkout."""
    try:
        sha = _git(folder, "rev-parse", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return {"code_sha": "unknown", "dirty": False}
    return {"code_sha": sha, "dirty": bool(changed)}


def command_line() -> str:
    """The command as a user would type it again, without passwords in addresses."""
    import shlex

    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    name = f"python -m {spec.name}" if spec is not None else f"python {Path(sys.argv[0]).name}"
    return " ".join([name, *(shlex.quote(_public(word)) for word in sys.argv[1:])])


def _public(word: str) -> str:
    """A word of a command as it may be recorded and shown: no password, and nothing that is no Unicode."""
    flag, equals, value = word.partition("=")
    shorn = f"{flag}={shown(value)}" if equals and flag.startswith("--") else shown(word)
    return shorn.encode("utf-8", "backslashreplace").decode()


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True, timeout=20)
    return done.stdout.strip()


@cache
def _processor() -> dict[str, Any]:
    name, flags = platform.processor() or platform.machine(), set[str]()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                name = value.strip()
            elif key.strip() == "flags":
                flags = set(value.split())
    return {"name": name, "flags": flags}
