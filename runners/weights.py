"""Weights on disk, as safetensors: byte-stable, quick, nothing that could run as code.

The library reads and writes them; where it is not installed, a plain reading of the same format does.
Source: the format's own description; a file is the length of a JSON header (8 bytes, little-endian), the header, and
the numbers of all tensors one after the other.
"""

import json
import struct
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

library: Any
try:
    library = import_module("safetensors.torch")
except ImportError:
    library = None

_NAMES: Final = {
    torch.int64: "I64", torch.float64: "F64", torch.float32: "F32", torch.int32: "I32", torch.bfloat16: "BF16",
    torch.float16: "F16", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL",
}  # fmt: skip
"""In the order in which the library lays tensors out: wide numbers first, which keeps every tensor aligned."""
_KINDS: Final = {name: kind for kind, name in _NAMES.items()}


def save(state: Mapping[str, Tensor], path: Path) -> None:
    """Write tensors by name."""
    whole = {name: value.detach().cpu().contiguous().clone() for name, value in state.items()}
    if library is not None:
        library.save_file(whole, path)
    else:
        save_plainly(whole, path)


def load(path: Path) -> dict[str, Tensor]:
    """Tensors by name, on the CPU.

    Raises:
        Exception: of several kinds, if the file is absent or damaged.
    """
    return load_plainly(path) if library is None else library.load_file(path)


def save_plainly(state: Mapping[str, Tensor], path: Path) -> None:
    """`save` without the library."""
    kinds = list(_NAMES)
    order = sorted(state, key=lambda name: (kinds.index(state[name].dtype), name))
    header: dict[str, Any] = {}
    at = 0
    for name in order:
        size = state[name].numel() * state[name].element_size()
        header[name] = {
            "dtype": _NAMES[state[name].dtype],
            "shape": list(state[name].shape),
            "data_offsets": [at, at + size],
        }
        at += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name in order:
            file.write(state[name].reshape(-1).view(torch.uint8).numpy().data)


def load_plainly(path: Path) -> dict[str, Tensor]:
    """`load` without the library."""
    data = bytearray(path.read_bytes())
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    found = {}
    for name, about in header.items():
        if name == "__metadata__":
            continue
        first, end = (8 + length + place for place in about["data_offsets"])
        if end > len(data):
            raise ValueError(f"it ends within {name}")
        kind = _KINDS[about["dtype"]]
        raw = torch.frombuffer(data[first:end], dtype=kind) if end > first else torch.empty(0, dtype=kind)
        found[name] = raw.reshape(about["shape"])
    return found
