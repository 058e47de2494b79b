"""How a file is spoilt: bytes of any file, values of JSON, cells of CSV, keys of TOML."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

Change = Callable[[bytes], bytes]
WEIRD: list[Any] = [
    None, True, [], {}, "", "x", "²", "-1", "1.0", "nan", "\ud800", "../x", "/", "a\0b", 0, -1, 1.5, 10**30, 1e308,
    [None], [[]], {"a": 1}, [0] * 50,
]  # fmt: skip
CELLS = [
    "", "0", "-1", "-2", "1.0", "1.5", "nan", "²", "１", "1e9", "9" * 5000, '"', "\0", "../..", "/", "é", "a,b",
    "x" * 300,
]  # fmt: skip
TOKENS = [
    "[", "]", "{", "}", "=", '"', "'", "\n", ".", "9" * 30, "nan", "true", "[[x]]", "1979-05-27", "[]", '""', "0x",
    "-1",
    "a.b", "{}", "[1, 2]", "''",
]  # fmt: skip


@dataclass(frozen=True)
class Named:
    """A change with a name that a failing example prints."""

    name: str
    apply: Change

    def __repr__(self) -> str:
        return self.name


@st.composite
def bytes_change(draw: st.DrawFn) -> Named:
    """Some bytes replaced, taken out, put in, doubled, or the end cut off."""
    kind = draw(st.sampled_from(["set", "set", "set", "bit", "cut", "remove", "insert", "double", "zero", "empty"]))
    place = draw(st.floats(0, 1, exclude_max=True))
    early = draw(st.booleans())  # headers are short and decide most
    count = draw(st.sampled_from([1, 1, 2, 4, 8, 64]))
    value = draw(st.sampled_from([0, 1, 127, 128, 255, draw(st.integers(0, 255))]))

    def apply(content: bytes) -> bytes:
        if not content or kind == "empty":
            return b""
        at = int(place * (min(len(content), 256) if early else len(content)))
        before, after = content[:at], content[at:]
        become = {
            "set": bytes([value]) + after[1:],
            "bit": bytes([after[0] ^ (1 << value % 8)]) + after[1:],
            "zero": bytes(min(count, len(after))) + after[count:],
            "cut": b"",
            "remove": after[count:],
            "double": after[:count] + after,
            "insert": bytes([value]) * count + after,
        }
        return before + become[kind]

    return Named(f"{kind}@{place:.5f}{' early' if early else ''} x{count} ={value}", apply)


@st.composite
def json_change(draw: st.DrawFn) -> Named:
    """A value somewhere in a JSON text replaced by one of another kind, taken out or doubled."""
    place = draw(st.floats(0, 1, exclude_max=True))
    value = draw(st.sampled_from(WEIRD))
    kind = draw(st.sampled_from(["replace", "replace", "remove", "rename"]))

    def apply(content: bytes) -> bytes:
        tree = json.loads(content)
        spots: list[tuple[Any, Any]] = []

        def walk(node: Any) -> None:
            keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else []
            for key in keys:
                spots.append((node, key))
                walk(node[key])

        walk(tree)
        if not spots:
            return json.dumps(value).encode()
        holder, key = spots[int(place * len(spots))]
        if kind == "replace":
            holder[key] = value
        elif kind == "remove":
            del holder[key]
        elif isinstance(holder, dict):
            holder[f"{key}x"] = holder.pop(key)
        else:
            holder.insert(key, value)
        return json.dumps(tree).encode()

    return Named(f"json {kind}@{place:.5f} {value!r}", apply)


@st.composite
def cell_change(draw: st.DrawFn) -> Named:
    """A cell of a CSV replaced, a row doubled, taken out or made longer."""
    row, column = draw(st.floats(0, 1, exclude_max=True)), draw(st.floats(0, 1, exclude_max=True))
    value = draw(st.sampled_from(CELLS))
    kind = draw(st.sampled_from(["cell", "cell", "cell", "double", "remove", "longer"]))

    def apply(content: bytes) -> bytes:
        lines = content.decode().split("\n")
        at = int(row * len(lines))
        cells = lines[at].split(",")
        if kind == "double":
            lines.insert(at, lines[at])
        elif kind == "remove":
            del lines[at]
        elif kind == "longer":
            lines[at] += f",{value}"
        else:
            cells[int(column * len(cells))] = value
            lines[at] = ",".join(cells)
        return "\n".join(lines).encode()

    return Named(f"csv {kind}@{row:.4f},{column:.4f} {value[:20]!r}", apply)


@st.composite
def token_change(draw: st.DrawFn) -> Named:
    """A value, a line or a sign of a TOML text replaced."""
    place = draw(st.floats(0, 1, exclude_max=True))
    token = draw(st.sampled_from(TOKENS))
    kind = draw(st.sampled_from(["value", "value", "line", "insert", "double"]))

    def apply(content: bytes) -> bytes:
        lines = content.decode().split("\n")
        at = int(place * len(lines))
        if kind == "value" and "=" in lines[at]:
            lines[at] = lines[at].split("=")[0] + "= " + token
        elif kind == "line":
            del lines[at]
        elif kind == "double":
            lines.insert(at, lines[at])
        else:
            lines[at] += token
        return "\n".join(lines).encode()

    return Named(f"toml {kind}@{place:.5f} {token!r}", apply)


def changes_of(name: str) -> st.SearchStrategy[Named]:
    """What may happen to a file of that name."""
    own = {".json": json_change(), ".csv": cell_change(), ".toml": token_change()}
    for ending, strategy in own.items():
        if name.endswith(ending):
            return st.one_of(strategy, strategy, bytes_change())
    return bytes_change()
