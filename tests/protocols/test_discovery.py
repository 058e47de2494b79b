"""A module of the catalogue holds a protocol, or is refused by name."""

import subprocess
import sys
from pathlib import Path

import pytest

import protocols
from protocols.discovery import protocols_in
from protocols.errors import ProtocolError
from runners.plan.import_closure import HOUSE

GOOD = """
from dataclasses import replace
import protocols
PROTOCOL = replace(protocols.load("rgb-snippets"), name="{name}")
"""


def _catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **modules: str) -> list[str]:
    folder = tmp_path / "shelf_of_protocols"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.startswith("shelf_of_protocols")]:
        monkeypatch.delitem(sys.modules, name)
    return [str(folder)]


def test_every_file_of_the_catalogue_is_a_protocol_of_its_name() -> None:
    stems = {path.stem for path in (HOUSE / "protocols" / "catalogue").glob("*.py")} - {"__init__"}
    assert protocols.names() == tuple(sorted(stem.replace("_", "-") for stem in stems))
    assert all(protocols.load(name).name == name for name in protocols.names())
    assert protocols.module_of("rgb-snippets") == "protocols.catalogue.rgb_snippets"


def test_however_a_protocol_is_assigned_it_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search for the word in the text missed these two, and found a third that only speaks of one."""
    folder = _catalogue(
        tmp_path,
        monkeypatch,
        first_one=GOOD.format(name="first-one").replace("PROTOCOL =", "if True:\n    PROTOCOL ="),
        second=GOOD.format(name="second").replace("PROTOCOL =", "(PROTOCOL) ="),
    )
    assert list(protocols_in("shelf_of_protocols", folder)) == ["first-one", "second"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            'HELP = """\nPROTOCOL = Protocol(...)\n"""\n',
            r"bad_one\.py holds no protocol: expected `PROTOCOL = Protocol",
        ),
        ("PROTOCOL = 'rgb'\n", r"bad_one\.py holds no protocol"),
        (GOOD.format(name="bad_two"), r"bad_one\.py holds a protocol that calls itself 'bad_two'; expected 'bad-one'"),
        ("import nothing_of_the_kind\n", r"bad_one\.py cannot be imported: ModuleNotFoundError"),
        ("def f(:\n", r"bad_one\.py cannot be imported: SyntaxError"),
    ],
)
def test_a_module_without_a_protocol_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: str
) -> None:
    folder = _catalogue(tmp_path, monkeypatch, a_good_one=GOOD.format(name="a-good-one"), bad_one=text)
    with pytest.raises(ProtocolError, match=words):
        protocols_in("shelf_of_protocols", folder)


def test_names_are_told_without_torch_and_parts_when_asked_for() -> None:
    code = (
        "import sys, protocols; assert len(protocols.names()) >= 8; assert 'torch' not in sys.modules\n"
        "assert protocols.ranking.rank and protocols.statistics.clustered_bootstrap and protocols.colour_baseline\n"
        "assert not hasattr(protocols, 'rankings')"
    )
    subprocess.run([sys.executable, "-c", code], cwd=HOUSE, check=True, timeout=120)
