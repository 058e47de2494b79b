"""A card with anything in the wrong place ends in one sentence that names it; nothing else comes out of reading it."""

import random
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

from methods import registry
from methods.errors import MethodError

WRONG: list[Any] = [
    1, -1, 0, 1.5, float("nan"), float("inf"), True, "x", "", [], [[]], ["x"], [1, "x"], {}, {"x": 1}, [{}], 10**400,
    1 << 20_000, "9" * 5000,
]  # fmt: skip


def written(value: Any) -> str:
    """A value as TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    if isinstance(value, dict):
        return "{" + ", ".join(f"{written(str(key))} = {written(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    return hex(value) if isinstance(value, int) and value > 2**64 else str(value)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container of a tree with each of its keys."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, one in list(inner) for found in ((value, key), *places(one))]


def test_a_wrong_value_anywhere_is_one_sentence(folder: Path) -> None:
    rng = random.Random(0)
    source = (folder / "paper.toml").read_text(encoding="utf-8")
    refused = 0
    for _ in range(150):
        table = tomllib.loads(source)
        for _ in range(rng.choice((1, 1, 2))):
            holder, key = rng.choice(places(table))
            if rng.random() < 0.15:
                del holder[key]
            else:
                holder[key] = rng.choice(WRONG)
        text = "\n".join(f"{written(key)} = {written(value)}" for key, value in table.items())
        (folder / "paper.toml").write_text(text, encoding="utf-8")
        try:
            registry.paper(folder)
        except MethodError as error:
            refused += 1
            assert "my-tiny-paper" in str(error) and "\n" not in str(error)
    assert refused > 90


@pytest.mark.parametrize(
    "text",
    [
        "x = " + "[" * 5000 + "]" * 5000,
        ".".join(["a"] * 40_000) + " = 1",
        "[" + ".".join(["a"] * 40_000) + "]",
        "x = " + "9" * 9000,
        'published = "abc"',
        "claims = 3",
        "\udcff",
    ],
)
def test_a_card_that_is_none_is_told_at_once(folder: Path, text: str) -> None:
    (folder / "paper.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    began = time.monotonic()
    with pytest.raises(MethodError, match="my-tiny-paper"):
        registry.paper(folder)
    assert time.monotonic() - began < 20  # it took minutes
