"""Tables of pages say what the code says."""

import re

import pytest

import datasets
import methods
import protocols
from protocols.ranking.conventions import OFFICIAL_MARS
from runners.dataset_tools import verify
from tests.docs.pages import FLOORS
from tests.places import HOUSE


def rows(page: str, first: str) -> list[list[str]]:
    """Cells of the table rows whose first cell matches."""
    found = []
    for line in (HOUSE / page).read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if line.startswith("|") and re.fullmatch(first, cells[0]):
            found.append(cells)
    return found


PROTOCOLS = {row[0].strip("`"): row for row in rows("docs/protocols.md", r"`[\w-]+`") if len(row) == 5}


def test_every_protocol_has_a_row() -> None:
    assert set(PROTOCOLS) == set(protocols.names())


@pytest.mark.parametrize("name", protocols.names())
def test_a_row_says_who_is_admitted_and_how_is_scored(name: str) -> None:
    protocol = protocols.load(name)
    _, version, admission, _, scoring = PROTOCOLS[name]
    assert int(version) == protocol.version
    assert admission == ", ".join(f"`{check}`" for check in protocol.requires)
    convention, distance = protocol.scoring.convention, protocol.scoring.distance
    spelt = (
        f"`{convention.gallery}` gallery, `{convention.ap}` AP, empty `{convention.empty}`, `{distance.metric}`, "
        + ("unit length" if distance.normalise else "plain")
    )
    if protocol.scoring == OFFICIAL_MARS:
        assert scoring == "official MARS"
        assert rows("docs/protocols.md", "official MARS")[0][1].endswith(f": {spelt}")
    else:
        assert scoring == spelt


def test_every_room_has_a_line() -> None:
    """Folders of papers are found by themselves and have one line together."""
    listed = {row[0].strip("`") for row in rows("docs/house.md", "`.+`")}
    rooms = {
        folder.relative_to(HOUSE).as_posix()
        for floor in FLOORS
        for folder in (HOUSE / floor).iterdir()
        if folder.is_dir() and any(one.is_file() and one.suffix != ".pyc" for one in folder.rglob("*"))
        if not (folder / "paper.toml").exists() and folder.name != "__pycache__"
    }
    assert listed == rooms | {"methods/<paper>"}


def test_the_data_sets_page_names_every_data_set_and_every_kind_of_problem() -> None:
    text = (HOUSE / "docs" / "data-sets.md").read_text(encoding="utf-8")
    for name in set(datasets.names()) - {"synthwalk"}:
        assert f"`{name}`" in text
    for kind in verify.ACCEPTABLE:
        assert f"`{kind}`" in text


def test_the_readme_names_every_paper_and_repeats_measured_numbers_as_they_are() -> None:
    readme = (HOUSE / "README.md").read_text(encoding="utf-8")
    for key in methods.papers():
        assert f"methods/{key}/README.md" in readme
    measured = rows("docs/measured.md", r".*`[\w-]+`")
    summary = rows("README.md", r"(GLTR|TKP|COSAM|VRSTC|ADFD)\b.*`[\w-]+`")
    assert len(summary) >= 5
    assert all(row in measured for row in summary)


def test_the_readme_is_one_screen() -> None:
    readme = (HOUSE / "README.md").read_text(encoding="utf-8").splitlines()
    before = readme.index("## Measured")
    assert before <= 45
    assert len(readme) <= 90
