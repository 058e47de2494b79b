"""Every command that a page shows can be given: its module is there, its options parse, its verb is in the Makefile."""

import argparse
import re
import shlex
from importlib import import_module
from importlib.util import find_spec

import pytest

from tests.docs.pages import FLOORS, PAGES, commands, inline_code
from tests.places import HOUSE

MAKEFILE = (HOUSE / "Makefile").read_text(encoding="utf-8")
VERBS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
RUNS = {verb: f"runners.{verb}" for verb in ("reproduce", "compare", "regress")}
SHOWN = sorted({command for page in PAGES if page.name != "CHANGELOG.md" for command in commands(page)})
"""A changelog speaks of commands and gives none."""
PYTHON = [command for command in SHOWN if re.match(r"python3? -m \w", command)]
MAKE = [command for command in SHOWN if re.match(r"make [a-z]", command)]
SHORT = [command for command in SHOWN if re.match(r"runners\.\w+ ", command)]
"""As in tables: without ``python -m``."""


def parser(module: str) -> argparse.ArgumentParser | None:
    """The parser of a command of ours; None where a module has none."""
    spec = find_spec(module)
    assert spec is not None, f"there is no module {module}"
    found = import_module(f"{module}.__main__" if spec.submodule_search_locations else module)
    make = getattr(found, "parser", None) or getattr(found, "_parser", None)
    return make() if make else None


def check(module: str, arguments: list[str]) -> None:
    """Parse arguments; ``--help`` and ``--list`` need nothing else."""
    ours = parser(module)
    if ours is None or not arguments or arguments == ["--help"]:
        return
    try:
        ours.parse_args(arguments)
    except SystemExit as ended:
        pytest.fail(f"python -m {module} {shlex.join(arguments)} is refused ({ended.code})")


@pytest.mark.parametrize("command", PYTHON)
def test_python_commands_can_be_given(command: str) -> None:
    _, _, module, *arguments = shlex.split(command, comments=True)
    if module.split(".")[0] in FLOORS:
        check(module, arguments)


@pytest.mark.parametrize("command", SHORT)
def test_commands_in_tables_can_be_given(command: str) -> None:
    module, *arguments = shlex.split(command)
    check(module, arguments)


@pytest.mark.parametrize("command", MAKE)
def test_make_has_the_verb_and_takes_the_arguments(command: str) -> None:
    _, verb, *variables = shlex.split(command, comments=True)
    assert verb in VERBS
    values = dict(one.split("=", 1) for one in variables if "=" in one)
    assert set(values) <= set(re.findall(r"\$\(([A-Z]+)\)", MAKEFILE)) | {"PYTHON"}
    if verb in RUNS and "ARGS" in values:
        check(RUNS[verb], shlex.split(values["ARGS"]))


def test_commands_are_found_and_wrong_ones_refused() -> None:
    assert len(PYTHON) >= 20
    assert len(MAKE) >= 8
    with pytest.raises(pytest.fail.Exception):
        check("runners.data", ["verifi", "mine"])


def test_every_command_has_a_row() -> None:
    page = HOUSE / "docs" / "commands.md"
    named = {module for code in inline_code(page) for module in re.findall(r"^python -m ([\w.]+)", code)}
    ours = {f"runners.{path.stem}" for path in (HOUSE / "runners").glob("*.py") if "def main(" in path.read_text()}
    assert ours <= named
