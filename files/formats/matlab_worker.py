"""The child process that opens MATLAB files for `files.formats.matlab`: a damaged file that ends it ends no command.

It is started by its path and imports nothing of the suite. A request is one line of JSON on standard input. A reply is
eight bytes that count the bytes of a JSON text, eight that count those of its arrays, the text, and the arrays. After
a while without a request the process ends by itself.
"""

import json
import math
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

IDLE = 30.0  # seconds
DEEPEST = 12  # cells and structs within each other; those of RAP are four
ITEMS = 5_000_000  # cells and fields of one file
ALIGNED = 64  # bytes, where an array begins
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_SAVE = "save it with -v7"
_BYTES = {"double": 8, "single": 4, "int64": 8, "uint64": 8, "int32": 4, "uint32": 4, "int16": 2, "uint16": 2}


class Refused(Exception):
    """What is wrong with a file or a variable, as a part of a sentence."""


class Packing:
    """Arrays as a tree of plain values, and the bytes that the tree points into.

    Args:
        most: how many bytes may be held.
    """

    def __init__(self, most: int) -> None:
        self.most, self.expected, self.items = most, 0, 0
        self.blocks: list[bytes] = []
        self.length = 0

    def expect(self, size: int) -> None:
        """Count bytes before they are allocated.

        Raises:
            Refused: they are more than a file of its size may hold.
        """
        self.expected += size
        if self.expected > self.most:
            raise Refused(f"it claims to hold more than the {self.most / 1e6:,.0f} MB that a file of its size may hold")

    def enter(self, items: int, depth: int) -> None:
        """Count the parts of a cell array or a struct before they are looked at.

        Raises:
            Refused: they are too many, or too deep within each other.
        """
        self.items += items
        if depth > DEEPEST or self.items > ITEMS:
            raise Refused("its cells and structs are too many, or too deep within each other")

    def plain(self, array: Any) -> dict[str, Any]:
        """Numbers or text, in the machine's order of bytes and in rows."""
        kept = np.asarray(array).astype(array.dtype.newbyteorder("="), copy=False)
        data = kept.tobytes()
        at = self.length
        self.blocks += [data, bytes(-len(data) % ALIGNED)]
        self.length += len(data) + len(self.blocks[-1])
        return {"dtype": kept.dtype.str, "shape": list(kept.shape), "at": at}


def matlab_5(path: str, only: list[str] | None, packing: Packing) -> tuple[dict[str, Any], dict[str, str]]:
    """Variables of a file up to version 7, and of those that are left out why."""
    from scipy.io import loadmat, whosmat

    wanted: list[str] = []
    others: dict[str, str] = {}
    for name, shape, kind in whosmat(path):
        if only is not None and name not in only:
            others[name] = "not asked for"
        elif kind in ("sparse", "function", "opaque", "object", "unknown"):
            others[name] = "a sparse matrix: save full(...) of it" if kind == "sparse" else f"of the class {kind}"
        elif not name.startswith("__"):
            packing.expect(math.prod(max(int(size), 0) for size in shape) * _BYTES.get(kind, 1))
            wanted.append(name)
    content = loadmat(path, variable_names=wanted) if wanted else {}
    found: dict[str, Any] = {}
    for name in wanted:
        try:
            found[name] = _tree(content[name], packing, 0)
        except Refused as error:
            others[name] = str(error)
    return found, others


def _tree(value: Any, packing: Packing, depth: int) -> dict[str, Any]:
    if type(value) is not np.ndarray:
        raise Refused(f"of the class {type(value).__name__}")
    shape = list(value.shape)
    if value.dtype.names:
        names = list(value.dtype.names)
        packing.enter(value.size * len(names), depth)
        rows = [[_tree(one[name], packing, depth + 1) for name in names] for one in value.reshape(-1)]
        return {"struct": names, "shape": shape, "rows": rows}
    if value.dtype == object:
        packing.enter(value.size, depth)
        return {"cells": [_tree(one, packing, depth + 1) for one in value.reshape(-1)], "shape": shape}
    if value.dtype.kind not in "biufcU":
        raise Refused(f"of the type {value.dtype}")
    return packing.plain(value)


def matlab_7_3(path: str, only: list[str] | None, packing: Packing) -> tuple[dict[str, Any], dict[str, str]]:
    """Variables of an HDF5 file as MATLAB shows them, and of those that are left out why."""
    import h5py

    found: dict[str, Any] = {}
    others: dict[str, str] = {}
    with h5py.File(path, "r", locking=False) as file:
        for name in file:
            if name.startswith("#"):
                continue  # where MATLAB keeps what cells and structs point to
            if only is not None and name not in only:
                others[name] = "not asked for"
                continue
            try:
                found[name] = _child(file, name, packing, 0)
            except Refused as error:
                others[name] = str(error)
    return found, others


def _child(group: Any, name: str, packing: Packing, depth: int) -> dict[str, Any]:
    import h5py

    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise Refused("a link to another place")
    return _stored(group[name], packing, depth)


def _stored(item: Any, packing: Packing, depth: int) -> dict[str, Any]:
    """A variable, cell or field: HDF5 holds it with its axes turned around."""
    import h5py

    kind = item.attrs.get("MATLAB_class", b"")
    kind = kind.decode("ascii", "replace") if isinstance(kind, bytes) else str(kind)
    if "MATLAB_sparse" in item.attrs:
        raise Refused("a sparse matrix: save full(...) of it")
    if "MATLAB_object_decode" in item.attrs or kind in ("function_handle", "FileWrapper__"):
        raise Refused(f"of the class {kind or 'object'}: {_SAVE}")
    if isinstance(item, h5py.Group):
        return _struct(item, packing, depth)
    if not isinstance(item, h5py.Dataset) or item.is_virtual or item.external:
        raise Refused(f"of a form that is not read here: {_SAVE}")
    if item.shape is None:
        raise Refused(f"without a value: {_SAVE}")
    if item.attrs.get("MATLAB_empty", 0):
        return _empty(item, kind, packing)
    if h5py.check_ref_dtype(item.dtype) is h5py.Reference:
        packing.enter(item.size, depth)
        cells = [_stored(item.file[one], packing, depth + 1) for one in item[()].T.reshape(-1)]
        return {"cells": cells, "shape": list(item.shape[::-1])}
    packing.expect(item.size * item.dtype.itemsize)
    if item.dtype.names == ("real", "imag"):
        parts = item[()]
        return packing.plain((parts["real"] + 1j * parts["imag"]).T)
    if item.dtype.kind not in "biuf":
        raise Refused(f"of the type {item.dtype}: {_SAVE}")
    values = np.asarray(item[()]).T
    return packing.plain(_texts(values) if kind == "char" else values)


def _struct(group: Any, packing: Packing, depth: int) -> dict[str, Any]:
    """One struct, or an array of them: then each field holds references, but is no cell array."""
    import h5py

    names = sorted(group)
    packing.enter(len(names), depth)
    lists = [
        isinstance(group.get(name, getlink=True), h5py.HardLink)
        and isinstance(group[name], h5py.Dataset)
        and "MATLAB_class" not in group[name].attrs
        and h5py.check_ref_dtype(group[name].dtype) is h5py.Reference
        for name in names
    ]
    if not names or not all(lists):
        row = [_child(group, name, packing, depth + 1) for name in names]
        return {"struct": names, "shape": [1, 1], "rows": [row]}
    columns = [_stored(group[name], packing, depth) for name in names]
    if any(column["shape"] != columns[0]["shape"] for column in columns):
        raise Refused("its fields differ in their number of entries")
    return {
        "struct": names,
        "shape": columns[0]["shape"],
        "rows": [list(row) for row in zip(*(column["cells"] for column in columns), strict=True)],
    }


def _empty(item: Any, kind: str, packing: Packing) -> dict[str, Any]:
    """Where nothing is stored, what is stored is the shape."""
    packing.expect(item.size * 8)
    shape = [int(size) for size in np.asarray(item[()]).reshape(-1)[:32]]
    if not shape or min(shape) != 0 or max(shape) > 2**31:
        raise Refused("empty, but of a shape that is not")
    if kind in ("cell", "struct"):
        return {"cells": [], "shape": shape}
    return packing.plain(np.zeros(shape[:-1] if kind == "char" else shape, dtype="U1" if kind == "char" else "f8"))


def _texts(values: Any) -> Any:
    """Characters as one text a row, as SciPy gives them."""
    rows = np.ascontiguousarray(values, dtype="<u2").reshape(-1, values.shape[-1] if values.ndim else 1)
    texts = [row.tobytes().decode("utf-16-le", "replace") for row in rows]
    return np.array(texts, dtype=np.str_).reshape(values.shape[:-1] if values.ndim else ())


def _is_hdf5(path: str) -> bool:
    """Whether the signature of HDF5 stands where it may: at the start, at byte 512, 1024, 2048."""
    with Path(path).open("rb") as file:
        head = file.read(4096)
    return any(head.startswith(_SIGNATURE, at) for at in (0, 512, 1024, 2048))


def answer(request: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Read what is asked for; whatever goes wrong is a part of the answer."""
    path = os.fsdecode(bytes.fromhex(request["path"]))
    packing = Packing(request["most"])
    limit_memory(request["memory"])
    try:
        read = matlab_7_3 if _is_hdf5(path) else matlab_5
        found, others = read(path, request["only"], packing)
    except ImportError as error:
        return {"absent": error.name or str(error)}, []
    except Refused as error:
        return {"refused": str(error)}, []
    except MemoryError:
        return {"refused": "it claims to hold more than the memory that it may take"}, []
    except Exception as error:  # a damaged file is answered with a dozen kinds of error
        return {"refused": f"{type(error).__name__}: {error}"[:300]}, []
    return {"values": found, "others": others}, packing.blocks


def limit_memory(further: int) -> None:
    """Let the process grow by so many bytes and no more, where the system can hold it to that."""
    try:
        import resource

        now = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        wanted = now + further
        resource.setrlimit(resource.RLIMIT_AS, (wanted if hard < 0 else min(wanted, hard), hard))
    except (ImportError, OSError, ValueError):
        return


class Idle:
    """Ends the process where nobody has asked for a while."""

    def __init__(self) -> None:
        self.since: float | None = time.monotonic()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            time.sleep(1)
            since = self.since
            if since is not None and time.monotonic() - since > IDLE:
                os._exit(0)


def main() -> None:
    """Answer until nobody asks any more."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not stand among the replies
    idle = Idle()
    for line in sys.stdin.buffer:
        idle.since = None
        tree, blocks = answer(json.loads(line))
        text = json.dumps(tree).encode("ascii")
        replies.write(len(text).to_bytes(8, "little") + sum(map(len, blocks)).to_bytes(8, "little") + text)
        for block in blocks:
            replies.write(block)
        replies.flush()
        idle.since = time.monotonic()


if __name__ == "__main__":
    main()
