"""What a module imports is found in its text, whichever way it is written; what never runs is left out."""

from pathlib import Path

import pytest

from runners.errors import RunError
from runners.plan.import_closure import Sources

ENTRY = "one.entry"


def _house(tmp_path: Path, entry: str, **files: str) -> Sources:
    """Packages ``one`` (with ``one.sub``) and ``two``; ``sub__a`` is the file ``one/sub/a.py``."""
    plain = {"__init__": "", "sub____init__": "", "sub__a": "A = 1\n", "b": "B = 1\n", "entry": entry, **files}
    for name, text in plain.items():
        path = tmp_path / "one" / Path(*name.replace("__init__", "@").split("__")).with_suffix(".py")
        path = path.with_name(path.name.replace("@", "__init__"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "two").mkdir(exist_ok=True)
    (tmp_path / "two" / "__init__.py").write_text("from . import far\n")
    (tmp_path / "two" / "far.py").write_text("FAR = 1\n")
    return Sources({"one": tmp_path / "one", "two": tmp_path / "two"})


def _found(house: Sources, *left_out: str) -> set[str]:
    return set(house.closure([ENTRY], left_out)) - {"one", ENTRY}


SUB_A = {"one.sub", "one.sub.a"}
TWO = {"two", "two.far"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("import one.b", {"one.b"}),
        ("import one.sub.a", SUB_A),  # and the package that is run on the way
        ("import two", TWO),  # what a package imports when it is run
        ("from one import b", {"one.b"}),  # a module
        ("from one.b import B", {"one.b"}),  # a name in one
        ("from one.sub import a as c", SUB_A),
        ("from .sub.a import A", SUB_A),
        ("from . import b", {"one.b"}),
        ("from .sub.a import *", SUB_A),
        ("def f():\n    from one import b\n", {"one.b"}),  # inside a function
        ("class C:\n    def f(self):\n        if self:\n            import two.far\n", TWO),
        ("try:\n    import one.b\nexcept ImportError:\n    from one.sub import a\n", {"one.b", *SUB_A}),
        ("import one.sub\n\n\ndef f():\n    return one.sub.a.A\n", SUB_A),  # a part that the package hands out
        ("from importlib import import_module\nimport_module('one.b')", {"one.b"}),
        ("import importlib\nimportlib.import_module('.sub.a', 'one')", SUB_A),
        ("import importlib\nimportlib.import_module('.b', __package__)", {"one.b"}),
        ("from importlib import import_module\nNAME = f'{__package__}.b'\nimport_module(NAME)", {"one.b"}),
        ("from importlib import import_module\nimport_module(f'{__package__}.sub.a')", SUB_A),
        ("import importlib\nimportlib.import_module('two.far' if x else 'one.b')", {"one.b", *TWO}),
        ("__import__('one.b')", {"one.b"}),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import two\nelse:\n    import one.b", {"one.b"}),
        ("import typing\nif typing.TYPE_CHECKING:\n    from one import b\n", set()),
        ("import os.path, json\nfrom collections import abc\nfrom nowhere import b\n", set()),
        ("two = 1\ntwo.far\n", set()),  # a name that no import gave
    ],
)
def test_every_way_of_importing_is_seen(tmp_path: Path, text: str, wanted: set[str]) -> None:
    assert _found(_house(tmp_path, text)) == wanted


def test_imports_are_followed_to_the_end_and_round_a_circle(tmp_path: Path) -> None:
    house = _house(tmp_path, "import one.b", b="from one.sub import a", sub__a="import one.entry\nimport two")
    assert _found(house) == {"one.b", *SUB_A, *TWO}


def test_what_is_left_out_is_not_followed_either(tmp_path: Path) -> None:
    house = _house(tmp_path, "import one.b\nimport one.sub.a", b="import two")
    assert _found(house, "one.b") == SUB_A
    assert _found(house, "one.sub") == {"one.b", *TWO}  # a package with all that is in it


def test_a_module_that_is_imported_by_what_is_left_out_and_by_others_counts(tmp_path: Path) -> None:
    house = _house(tmp_path, "import one.b\nimport two.far", b="import two.far")
    assert _found(house, "one.b") == TWO


def test_a_name_that_shows_only_when_it_runs_is_told(tmp_path: Path) -> None:
    house = _house(tmp_path, "import importlib\n\ndef f(name):\n    return importlib.import_module(name)\n")
    assert house.closure([ENTRY])[ENTRY].dynamic == (4,)


@pytest.mark.parametrize("missing", ["one.gone", "three", "one.b.B", "one.sub.b"])
def test_a_module_that_is_not_there_is_refused(tmp_path: Path, missing: str) -> None:
    house = _house(tmp_path, "")
    with pytest.raises(RunError, match="there is no such module"):
        house.closure([missing])
    with pytest.raises(RunError, match="there is no such module"):
        house.closure([ENTRY], [missing])


def test_a_file_that_is_no_python_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"b\.py cannot be read as Python"):
        _house(tmp_path, "import one.b", b="def f(:\n").closure([ENTRY])


def test_a_folder_without_init_is_a_package(tmp_path: Path) -> None:
    house = _house(tmp_path, "import one.plain.c", plain__c="C = 1")
    assert _found(house) == {"one.plain", "one.plain.c"}


PLAIN = "def f(x):\n    return x + 1\n"


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ('"""What."""\n\n\ndef f( x ):  # adds one\n    """Add one."""\n\n    return (x + 1)\n', True),
        ("def f(x):\n    return x + 2\n", False),
        ("def f(x):\n    return x + 1.0\n", False),
        ("def f(x):\n    return x - 1\n", False),
        ("def f(x):\n    'one'\n    'two'\n    return x + 1\n", False),  # the second is no docstring
        ('NAME = "a"\ndef f(x):\n    return x + 1\n', False),
        ("def f(y):\n    return y + 1\n", False),
    ],
)
def test_comments_docstrings_and_layout_do_not_count_and_all_else_does(tmp_path: Path, text: str, same: bool) -> None:
    trees = [_house(tmp_path / str(n), "", b=each).source("one.b").tree for n, each in enumerate((PLAIN, text))]
    assert (trees[0] == trees[1]) == same
