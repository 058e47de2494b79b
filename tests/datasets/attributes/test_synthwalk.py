"""SynthWalk's truth as an annotation, compared with the people that were drawn."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import datasets
from datasets import attributes, synthwalk
from datasets.attributes.mars import V2
from datasets.errors import DataError
from datasets.synthwalk import presets
from datasets.synthwalk import truth as told
from datasets.synthwalk.world import people, population
from datasets.tracklet import Split

WORLD = presets.preset(
    "tiny", seed=5, height=32, width=16, train_ids=6, test_ids=6, distractors=2, junk=2, occluded_share=0.5
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rendered tiny world."""
    return synthwalk.render(WORLD, tmp_path_factory.mktemp("synthwalk") / "small", workers=2)


@pytest.fixture(scope="module")
def split(root: Path) -> Split:
    return datasets.load("synthwalk", root)


@pytest.fixture(scope="module")
def annotation(split: Split) -> attributes.Annotation:
    found = attributes.own(split)
    assert found is not None
    return found


def test_every_group_is_filled_and_every_real_tracklet_joins(annotation: attributes.Annotation, split: Split) -> None:
    assert [group.name for group in annotation.groups] == list(attributes.GROUPS)
    both = (*split.train, *split.test)
    found = annotation.require_join(both)
    assert (found.joined, found.unused, found.nobody) == (found.tracklets, 0, 4)
    assert found.tracklets == sum(t.person_id > 0 for t in both)
    assert {a.polarity for a in annotation.attributes} == {"stated"}
    assert not any("dropped" in notice for notice in annotation.notices)


def test_columns_are_the_same_in_every_world(annotation: attributes.Annotation) -> None:
    """The vocabulary of the renderer, not what happens to occur: 5, 13, 19, 10, 3 and 3 yes/no columns."""
    assert [len(group.columns) for group in annotation.groups] == [5, 13, 19, 10, 3, 3]


def test_identities_are_as_they_were_drawn(annotation: attributes.Annotation) -> None:
    crowd = {who.person: who.look for who in population.populate(WORLD).identities}
    ids = np.array(sorted(crowd))
    answers = annotation.people_targets(ids)
    said = [{c.name: bool(row[i]) for i, c in enumerate(annotation.columns)} for row in answers]
    assert not np.isnan(answers).any()
    for person, says in zip(ids.tolist(), said, strict=True):
        build, outfit, details = crowd[person].build, crowd[person].outfit, crowd[person].details
        assert says["woman"] == build.woman
        assert says["long hair"] == (details.hair in {"long", "tail", "bun"})
        assert (says["hat"], says["beard"], says["glasses"]) == (details.hat, details.beard, details.glasses)
        assert says["long sleeves"] == (outfit.top != "t-shirt")
        assert says["long legs"] == (outfit.bottom == "trousers")
        assert (says["backpack"], says["hand bag"]) == (details.backpack, details.hand_bag)
        assert says["shoulder bag"] == details.shoulder_bag
        for choice, value in (
            ("top", outfit.top),
            ("top color", people.TOPS[outfit.top_colour][0]),
            ("pattern", outfit.pattern),
            ("bottom color", people.BOTTOMS[outfit.bottom_colour][0]),
            ("hair kind", details.hair),
            ("age", ("young", "teenager", "adult", "old")[build.age]),
        ):
            assert [name for name, yes in says.items() if name.startswith(f"{choice}: ") and yes] == [
                f"{choice}: {value}"
            ]
        dark = np.array(people.SHOE_COLOURS[outfit.shoes]).mean() < 50
        assert says["shoe color: dark"] == dark
    assert 0 < sum(says["long sleeves"] for says in said) < len(said), "both answers occur"


def test_occlusion_is_what_the_visible_shares_say(annotation: attributes.Annotation, split: Split, root: Path) -> None:
    tracklets = [t for t in (*split.train, *split.test) if t.person_id > 0]
    names = [a.name for a in annotation.attributes]
    found = annotation.codes_of(tracklets)[:, names.index("occlusion")]
    lowest = [np.nanmin(told.load_truth(root, t.key).visible, initial=1.0) for t in tracklets]
    np.testing.assert_array_equal(found == 1, np.array(lowest) < 0.7)
    assert 0 < found.sum() < len(found)
    assert [annotation.attribute(name).group for name in ("pose", "occlusion", "multi-person")] == ["", "", ""]


def test_the_folder_and_its_file_are_recognised(annotation: attributes.Annotation, root: Path, tmp_path: Path) -> None:
    assert attributes.load(root).fingerprint == annotation.fingerprint
    assert attributes.load(root / "truth" / "attributes.csv").fingerprint == annotation.fingerprint
    alone = tmp_path / "attributes.csv"
    shutil.copy(root / "truth" / "attributes.csv", alone)
    assert attributes.load(alone).name == V2.name, "on its own the file is one in the format of MARS-Attribute v2"


def test_other_sets_bring_none(mars_root: Path) -> None:
    assert attributes.own(datasets.examine("mars", mars_root, counts="any").split) is None


def flip_last(text: str) -> str:
    """Turn the gender of the last row round."""
    lines = text.rstrip("\n").split("\n")
    cells = lines[-1].split(",")
    place = lines[0].split(",").index("gender")
    cells[place] = str(1 - int(cells[place]))
    return "\n".join([*lines[:-1], ",".join(cells)]) + "\n"


@pytest.mark.parametrize(
    ("name", "fault", "message"),
    [
        ("identities.csv", lambda text: text.replace("person_id", "person", 1), "SynthWalk's identities.csv"),
        ("identities.csv", lambda text: text.replace(",plain,", ",plane,", 1), "found 'plane', expected one of plain"),
        ("identities.csv", lambda text: "\n".join(text.split("\n")[:-2]) + "\n", "is not in identities.csv"),
        ("identities.csv", lambda text: text + text.split("\n")[1] + "\n", "are both of person"),
        ("attributes.csv", lambda text: text.replace("top length", "top lenght"), "did you mean 'top length'"),
        ("attributes.csv", flip_last, "identities.csv says otherwise"),
    ],
)
def test_damaged_truth_is_refused(
    root: Path, tmp_path: Path, name: str, fault: Callable[[str], str], message: str
) -> None:
    shutil.copytree(root / "truth", tmp_path / "truth", ignore=shutil.ignore_patterns("tracklets"))
    path = tmp_path / "truth" / name
    path.write_text(fault(path.read_text()))
    with pytest.raises(DataError, match=message) as raised:
        attributes.load(tmp_path)
    assert "render SynthWalk again" in str(raised.value) or name in str(raised.value)


def test_a_missing_file_is_named(root: Path, tmp_path: Path) -> None:
    (tmp_path / "truth").mkdir()
    shutil.copy(root / "truth" / "attributes.csv", tmp_path / "truth")
    with pytest.raises(DataError, match=r"identities.csv is missing"):
        attributes.load(tmp_path)
