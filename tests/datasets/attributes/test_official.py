"""MARS-Attribute and Duke-Attribute as released: counts, joins with the official track lists, and injected faults."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.io import loadmat

from datasets import attributes
from datasets.attributes import Annotation
from datasets.attributes.mars import AGES, BOTTOM_COLORS, POSES, TOP_COLORS
from datasets.errors import DataError
from datasets.synthwalk import truth
from datasets.tracklet import Tracklet, person_ids


@pytest.fixture(scope="module")
def files(official_metadata: Path) -> dict[str, Path]:
    """The released CSV files."""
    return {
        "v1": official_metadata / "mars_attributes" / "mars_attributes_v1.csv",
        "v2": official_metadata / "mars_attributes" / "mars_attributes_v2_motion.csv",
        "duke": official_metadata / "duke_attributes" / "duke_attributes.csv",
    }


@pytest.fixture(scope="module")
def released(files: dict[str, Path]) -> dict[str, Annotation]:
    return {name: attributes.load(path) for name, path in files.items()}


@pytest.fixture(scope="module")
def mars_tracklets(official_metadata: Path) -> dict[str, tuple[Tracklet, ...]]:
    """Tracklets of both halves: person and camera from the track tables, keys from the published list of prefixes."""
    source, found = official_metadata / "mars", {}
    for part in ("train", "test"):
        rows = loadmat(source / f"tracks_{part}_info.mat")[f"track_{part}_info"].tolist()
        listed = (source / f"gltr_list_{part}_seq.txt").read_text().splitlines()
        keys = [line.split()[0].split("/")[1] for line in listed]
        found[part] = tuple(Tracklet(k, row[2], row[3], ("x",)) for k, row in zip(keys, rows, strict=True))
    return found


@pytest.fixture(scope="module")
def duke_gallery(official_metadata: Path) -> tuple[Tracklet, ...]:
    """The gallery of DukeMTMC-VideoReID: person and tracklet number from one released list, camera from the other."""
    source = official_metadata / "duke"
    listed = [line.split()[0].split("/") for line in (source / "list_duke_query_gallery.txt").read_text().splitlines()]
    table = [list(map(int, line.split())) for line in (source / "info_test.txt").read_text().splitlines()]
    found = []
    for (part, person, number), (_, _, owner, camera) in zip(listed, table, strict=True):
        assert int(person) == owner
        if part == "gallery":
            found.append(Tracklet(f"{int(person):04d}C{camera}T{int(number):04d}", int(person), camera, ("x",)))
    return tuple(found)


def test_mars_joins_16360_of_16360(
    released: dict[str, Annotation], mars_tracklets: dict[str, tuple[Tracklet, ...]]
) -> None:
    for version in ("v1", "v2"):
        both = (*mars_tracklets["train"], *mars_tracklets["test"])
        found = released[version].require_join(both)
        assert (found.tracklets, found.joined, found.missing, found.unused) == (16_360, 16_360, (), 0)
        assert found.nobody == 3_248 + 870
        train = released[version].join(mars_tracklets["train"])
        assert (train.tracklets, train.joined, train.unused) == (8_298, 8_298, 8_062)
        codes = released[version].codes_of(mars_tracklets["test"])
        people = person_ids(mars_tracklets["test"])
        assert (codes[people <= 0] == -1).all()
        assert (codes[people > 0] >= 0).all()
        assert len(np.unique(released[version].people)) == 1_259


def test_both_versions_agree_in_their_twelve_shared_attributes(released: dict[str, Annotation]) -> None:
    one, two = released["v1"], released["v2"]
    names = [attribute.name for attribute in one.attributes]
    assert len(names) == 12
    assert one.keys == two.keys
    shared = [[a.name for a in two.attributes].index(name) for name in names]
    np.testing.assert_array_equal(one.codes, two.codes[:, shared])
    assert one.groups == two.groups
    assert one.fingerprint != two.fingerprint


def counts(annotation: Annotation, name: str) -> list[int]:
    place = annotation.attributes.index(annotation.attribute(name))
    found: list[int] = np.bincount(
        annotation.codes[:, place], minlength=len(annotation.attribute(name).values)
    ).tolist()
    return found


def test_counts_of_mars(released: dict[str, Annotation]) -> None:
    """Counts are facts about the files, taken with other tools."""
    v2 = released["v2"]
    assert counts(v2, "motion") == [14_677, 63, 151, 1_435, 34]
    assert counts(v2, "pose") == [1_284, 1_734, 3_336, 4_979, 4_888, 139]
    ones = {
        "occlusion": 65, "multi-person": 799, "background-dominant": 1_300, "cut-out": 231, "target-change": 208,
        "target-miss": 14, "wrong-target": 24,
    }  # fmt: skip
    assert {name: counts(v2, name)[1] for name in ones} == ones
    assert counts(v2, "age")[1] == 13_161


def test_groups_of_mars_and_its_notices(released: dict[str, Annotation]) -> None:
    sizes = {group.name: len(group.columns) for group in released["v2"].groups}
    # 4 ages + gender; hair, hat; 9 colours + length; 10 colours + length + type; three bags
    assert sizes == {"gender and age": 5, "head and shoulders": 2, "upper body": 10, "lower body": 12, "attachments": 3}
    told = " ".join(released["v2"].notices)
    assert "'shoes': the group is dropped" in told
    assert "motion and pose are unverified" in told
    assert "gender, bottom type: 1 is taken as yes" in told
    assert {a.polarity for a in released["v2"].attributes if a.kind == "binary"} == {"undocumented"}


def test_duke_joins_4832_of_4832(released: dict[str, Annotation], duke_gallery: tuple[Tracklet, ...]) -> None:
    """The released list covers the test half; rows left over are exactly the training tracklets 1 to 2196."""
    duke = released["duke"]
    found = duke.require_join(duke_gallery)
    assert (found.tracklets, found.joined, found.unused) == (2_636, 2_636, 2_196)
    numbers = {key: int(key[7:]) for key in duke.keys}
    rest = sorted(numbers[key] for key in set(duke.keys) - {t.key for t in duke_gallery})
    assert rest == list(range(1, 2_197))
    training = [Tracklet(key, int(p), int(key[5]), ("x",)) for key, p in zip(duke.keys, duke.people, strict=True)
                if numbers[key] <= 2_196]  # fmt: skip
    whole = duke.require_join([*training, *duke_gallery])
    assert (whole.tracklets, whole.joined, whole.unused) == (4_832, 4_832, 0)
    assert (len(np.unique(duke.people)), len({t.person_id for t in training})) == (1_812, 702)
    assert counts(duke, "occlusion") == [3_970, 862]
    assert counts(duke, "multi-person")[1] == 479
    assert counts(duke, "background-dominant")[1] == counts(duke, "target-miss")[1] == 0


def test_groups_of_duke_and_colours_without_names(released: dict[str, Annotation]) -> None:
    duke = released["duke"]
    assert {group.name: len(group.columns) for group in duke.groups} == {
        "gender and age": 1, "head and shoulders": 1, "upper body": 10, "lower body": 8, "shoes": 2, "attachments": 3,
    }  # fmt: skip
    assert duke.attribute("top color").values == tuple("012345678")
    assert duke.attribute("bottom color").values == tuple("01234567")
    assert any("not documented: they bear numbers" in told for told in duke.notices)


def test_targets_of_identities_as_pandas_has_them(released: dict[str, Annotation], files: dict[str, Path]) -> None:
    table = pd.read_csv(files["v2"])
    annotation = released["v2"]
    people = np.sort(table["person_id"].unique())
    found = pd.DataFrame(annotation.people_targets(people), index=people, columns=[c.name for c in annotation.columns])
    for name in ("backpack", "hat", "gender", "bottom type"):
        expected = (table.groupby("person_id")[name].mean() >= 0.5).astype(float)
        assert (found[name] == expected).all(), name
    white = (table["top color"] == 5).groupby(table["person_id"]).mean() >= 0.5
    assert (found["top color: white"] == white.astype(float)).all()
    yes = annotation.codes[:, annotation.attributes.index(annotation.attribute("backpack"))] == 1
    mixed = set(annotation.people[yes].tolist()) & set(annotation.people[~yes].tolist())
    assert len(mixed) == 34, "tracklets of 34 people disagree about a backpack, so the majority has work to do"


def test_synthwalk_writes_the_codes_of_mars() -> None:
    assert truth.TOP_CODES == TOP_COLORS
    assert truth.BOTTOM_CODES == BOTTOM_COLORS
    assert (len(AGES), len(POSES)) == (4, 6)


@pytest.mark.parametrize("name", ["v1", "v2", "duke"])
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (
            lambda lines: [lines[0].replace("hat", "hats"), *lines[1:]],
            "'hats' is unknown .did you mean 'hat'.*missing: hat",
        ),
        (lambda lines: [line.rsplit(",", 1)[0] for line in lines], "the header is not that of .*: missing: "),
        (
            lambda lines: [*lines[:9], lines[9].rsplit(",", 1)[0] + ",11"],
            r"line 10, column '.*': found '11', expected a",
        ),
        (
            lambda lines: [*lines[:9], lines[9].rsplit(",", 1)[0] + ",-1"],
            r"line 10, column '.*': found '-1', expected a",
        ),
        (lambda lines: [*lines[:9], lines[9].rsplit(",", 1)[0] + ",0.5"], r"line 10, column '.*': found '0.5'"),
        (lambda lines: [*lines[:9], lines[9].rsplit(",", 1)[0] + ","], r"line 10, column '.*': found '', expected a"),
        (lambda lines: [*lines[:9], lines[9] + ",0"], "line 10 has .* cells, expected"),
        (lambda lines: [*lines[:9], lines[4]], "lines 5 and 10 are both of tracklet 000"),
        (lambda lines: [*lines[:9], "0" + lines[9][1:]], "column 'person.id': found '0', expected .* from 1"),
    ],
)
def test_faults_in_a_released_file_are_named(
    files: dict[str, Path], tmp_path: Path, name: str, fault: Callable[[list[str]], list[str]], message: str
) -> None:
    damaged = tmp_path / "damaged.csv"
    damaged.write_text("\n".join(fault(files[name].read_text().splitlines()[:10])) + "\n")
    with pytest.raises(DataError, match=message) as raised:
        attributes.load(damaged)
    assert str(damaged) in str(raised.value)


@pytest.mark.parametrize("name", ["v1", "v2", "duke"])
def test_a_part_of_a_released_file_is_read_with_a_notice(files: dict[str, Path], tmp_path: Path, name: str) -> None:
    part = tmp_path / "part.csv"
    part.write_text("\r\n".join(files[name].read_text().splitlines()[:10]) + "\r\n")
    read = attributes.load(part)
    assert len(read.keys) == 9
    assert "part.csv has 9 rows, the released" in read.notices[0]
