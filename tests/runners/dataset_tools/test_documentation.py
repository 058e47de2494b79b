"""The page about data sets: its commands can be given, and its words are those of the program."""

import re

import pytest

import datasets
from runners import data
from runners.dataset_tools import verify
from tests.places import HOUSE

PAGE = HOUSE / "docs" / "data-sets.md"
COMMANDS = re.findall(r"^python -m runners\.data ([^#\n]+)", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_its_commands_can_be_given(command: str) -> None:
    parsed = data._parser().parse_args(command.split())
    assert callable(parsed.action)


def test_it_names_every_data_set_and_every_kind_of_problem() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert len(COMMANDS) >= 8
    for name in set(datasets.names()) - {"synthwalk"}:
        assert f"`{name}`" in text
    for kind in verify.ACCEPTABLE:
        assert f"`{kind}`" in text
