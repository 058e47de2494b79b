"""Tables written as TOML come back as they were."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from files.formats import toml

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
PLAIN = TEXT | st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False)
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=8
)


@given(st.dictionaries(TEXT, VALUES, max_size=5))
def test_what_is_written_is_read_again(table: dict[str, Any]) -> None:
    import tomllib

    found = tomllib.loads(toml.dumps(table))
    assert found == table
    assert {type(value) for value in found.values()} == {type(value) for value in table.values()}


@pytest.mark.parametrize("value", [None, {1: 2}, {"a": {"b": None}}, b"x"])
def test_what_toml_does_not_know_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="TOML knows"):
        toml.dumps({"key": value})
