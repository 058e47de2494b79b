"""The attribute model: columns and groups, joins, targets of identities, and what it refuses."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from datasets.attributes import GROUPS, Annotation, Attribute
from datasets.attributes.attribute import YES_NO
from datasets.errors import DataError
from datasets.tracklet import Tracklet

HAT = Attribute("hat", "binary", YES_NO, "head and shoulders", "tracklet")
BAG = Attribute("bag", "binary", YES_NO, "attachments", "tracklet", "undocumented")
TOP = Attribute("top color", "choice", ("black", "red", "white"), "upper body", "tracklet")
POSE = Attribute("pose", "choice", ("front", "back"), "", "tracklet")
MOOD = Attribute("mood", "binary", YES_NO, "mind", "tracklet")


def tracklet(key: str, person: int) -> Tracklet:
    return Tracklet(key, person, 1, (f"{key}.jpg",))


def annotate(attributes: Sequence[Attribute], rows: Sequence[tuple[str, int, Sequence[int]]]) -> Annotation:
    keys, people, codes = zip(*rows, strict=True)
    return Annotation.of("test", attributes, np.array(people), keys, np.array(codes, dtype=np.int16))


@pytest.fixture
def annotation() -> Annotation:
    """Bag, hat and top color of persons 2, 4 and 6."""
    return annotate(
        (POSE, BAG, MOOD, HAT, TOP),
        [
            ("a", 2, (0, 1, 1, 1, 1)),
            ("b", 2, (1, 1, 1, 0, 1)),
            ("c", 2, (0, 0, 1, -1, 0)),
            ("d", 4, (0, 0, 0, 1, 2)),
            ("e", 4, (0, 0, 0, 0, -1)),
            ("f", 6, (-1, 1, -1, -1, -1)),
        ],
    )


def test_groups_stand_in_the_order_of_the_paper_and_own_ones_behind(annotation: Annotation) -> None:
    assert [tuple(group) for group in annotation.groups] == [
        ("head and shoulders", ("hat",)),
        ("upper body", ("top color: black", "top color: red", "top color: white")),
        ("attachments", ("bag",)),
        ("mind", ("mood",)),
    ]
    assert [column.name for column in annotation.columns] == [c for group in annotation.groups for c in group.columns]
    red = annotation.columns[2]
    assert (red.attribute, red.group, red.code) == ("top color", "upper body", 1)


def test_what_is_dropped_or_undocumented_is_said(annotation: Annotation) -> None:
    told = " | ".join(annotation.notices)
    for group in ("gender and age", "lower body", "shoes"):
        assert f"'{group}': the group is dropped" in told
    assert told.count("the group is dropped") == 3
    assert "not documented by the source for bag:" in told


def test_majority_of_an_identity_by_hand(annotation: Annotation) -> None:
    """Person 2: hat yes/no/unknown is a tie, so yes; red in two of three; bag in two of three. Person 9 is unknown."""
    nan = np.nan
    expected = {
        #   hat  black red  white bag  mood
        2: (1.0, 0.0, 1.0, 0.0, 1.0, 1.0),
        4: (1.0, 0.0, 0.0, 1.0, 0.0, 0.0),
        6: (nan, nan, nan, nan, 1.0, nan),
        9: (nan,) * 6,
    }
    found = annotation.people_targets(np.array([6, 2, 9, 4, 2]))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [expected[person] for person in (6, 2, 9, 4, 2)])


@pytest.mark.parametrize(("yes", "rows", "expected"), [(1, 2, 1.0), (1, 3, 0.0), (2, 3, 1.0), (2, 4, 1.0), (3, 7, 0.0)])
def test_one_half_is_enough(yes: int, rows: int, expected: float) -> None:
    made = annotate((HAT,), [(f"t{row}", 5, (int(row < yes),)) for row in range(rows)])
    assert made.people_targets(np.array([5])).tolist() == [[expected]]


def test_order_of_rows_does_not_change_what_an_identity_is(annotation: Annotation) -> None:
    order = np.array([5, 3, 1, 0, 4, 2])
    turned = annotate(
        annotation.attributes,
        [(annotation.keys[row], int(annotation.people[row]), annotation.codes[row].tolist()) for row in order],
    )
    people = np.array([2, 4, 6])
    np.testing.assert_array_equal(turned.people_targets(people), annotation.people_targets(people))
    tracklets = [tracklet("c", 2), tracklet("f", 6)]
    np.testing.assert_array_equal(turned.codes_of(tracklets), annotation.codes_of(tracklets))


def test_targets_of_tracklets_and_codes_by_key(annotation: Annotation) -> None:
    tracklets = [tracklet("c", 2), tracklet("none", 2), tracklet("junk", -1), tracklet("d", 4)]
    assert annotation.codes_of(tracklets).tolist() == [[0, 0, 1, -1, 0], [-1] * 5, [-1] * 5, [0, 0, 0, 1, 2]]
    targets = annotation.tracklet_targets(tracklets)
    np.testing.assert_array_equal(targets[0], [np.nan, 1, 0, 0, 0, 1])
    assert np.isnan(targets[1:3]).all()
    np.testing.assert_array_equal(targets[3], [1, 0, 0, 1, 0, 0])


def test_rows_of_identities_join_by_person() -> None:
    made = annotate((HAT, TOP), [("", 2, (1, 0)), ("", 4, (0, -1)), ("", 8, (0, 1))])
    tracklets = [tracklet("x", 4), tracklet("y", 4), tracklet("z", 2), tracklet("w", 6), tracklet("q", 0)]
    assert made.codes_of(tracklets).tolist() == [[0, -1], [0, -1], [1, 0], [-1, -1], [-1, -1]]
    assert tuple(made.join(tracklets)) == (4, 3, ("w",), 1, 1)


def test_nothing_to_learn_and_nobody_to_ask() -> None:
    made = annotate((POSE,), [("a", 2, (1,)), ("b", 4, (0,))])
    assert made.groups == ()
    assert made.people_targets(np.array([2, 4, 6])).shape == (3, 0)
    assert made.tracklet_targets([]).shape == (0, 0)
    assert made.codes_of([]).shape == (0, 1)


def test_join_counts_real_persons_and_unused_rows(annotation: Annotation) -> None:
    tracklets = [tracklet(key, 2) for key in "abc"] + [tracklet(f"lost{i}", 12) for i in range(8)]
    found = annotation.join([*tracklets, tracklet("n", 0), tracklet("m", -1)])
    assert (found.tracklets, found.joined, found.unused, found.nobody) == (11, 3, 3, 2)
    assert found.missing == ("lost0", "lost1", "lost2", "lost3", "lost4")
    assert annotation.require_join(tracklets, whole=False).joined == 3
    with pytest.raises(DataError, match=r"3 of 11 tracklets of real persons \(not for lost0, .*, \.\.\.\), and 3 rows"):
        annotation.require_join(tracklets)
    with pytest.raises(DataError, match=r"0 of 1 tracklets"):
        annotation.require_join([tracklet("lost", 2)], whole=False)


def test_a_tracklet_of_somebody_else_is_refused(annotation: Annotation) -> None:
    for ask in (annotation.join, annotation.codes_of, annotation.tracklet_targets):
        with pytest.raises(DataError, match=r"tracklet d is of person 4, but the data set says 6 \(1 such"):
            ask([tracklet("a", 2), tracklet("d", 6)])


def test_unknown_attribute_names_near_ones(annotation: Annotation) -> None:
    assert annotation.attribute("top color") is TOP
    with pytest.raises(DataError, match=r"no attribute called 'top colour'; did you mean top color"):
        annotation.attribute("top colour")
    with pytest.raises(DataError, match=r"known are pose, bag, mood, hat, top color"):
        annotation.attribute("xyz")


def test_fingerprint_changes_with_everything_that_counts() -> None:
    rows: list[tuple[str, int, tuple[int, ...]]] = [("a", 2, (1, 0)), ("b", 4, (0, 1))]
    variants = [
        annotate((HAT, BAG), rows),
        annotate((HAT, BAG), [("a", 2, (1, 1)), rows[1]]),
        annotate((HAT, BAG), [("a", 2, (1, -1)), rows[1]]),
        annotate((HAT, BAG), [("a", 6, (1, 0)), rows[1]]),
        annotate((HAT, BAG), [("c", 2, (1, 0)), rows[1]]),
        annotate((BAG, HAT), rows),
        annotate((HAT, Attribute("bag", "binary", YES_NO, "shoes", "tracklet", "undocumented")), rows),
        annotate((HAT, Attribute("bag", "binary", YES_NO, "attachments", "tracklet")), rows),
    ]
    assert len({made.fingerprint for made in variants}) == len(variants)
    assert all(len(made.fingerprint) == 32 for made in variants)
    assert annotate((HAT, BAG), rows).fingerprint == variants[0].fingerprint


@pytest.mark.parametrize(
    ("attributes", "rows", "message"),
    [
        ((HAT, HAT), [("a", 2, (1, 0))], "two attributes called 'hat'"),
        ((HAT,), [("a", 2, (1,)), ("a", 4, (0,))], "two rows for tracklet a"),
        ((HAT,), [("", 2, (1,)), ("", 2, (0,))], "two rows for person 2"),
        ((HAT,), [("a", 2, (1,)), ("", 4, (0,))], "names the tracklet of 1 of 2 rows"),
        ((HAT,), [("a", 2, (1,)), ("b", 4, (2,))], "row 2 has code 2 for 'hat', expected -1 .unknown. to 1"),
        ((TOP,), [("a", 2, (-2,))], "row 1 has code -2 for 'top color'"),
        ((), [("a", 2, ())], "0 attributes and 1 rows"),
    ],
)
def test_parts_that_do_not_fit_are_refused(
    attributes: tuple[Attribute, ...], rows: list[tuple[str, int, tuple[int, ...]]], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        annotate(attributes, rows)


def test_attribute_insists_on_its_values() -> None:
    with pytest.raises(DataError, match=r"'hat' has the values \('yes', 'no'\)"):
        Attribute("hat", "binary", ("yes", "no"), "", "tracklet")
    with pytest.raises(DataError, match="values that differ"):
        Attribute("top", "choice", ("red", "red"), "", "tracklet")


def test_the_six_groups_are_those_of_the_paper_in_order() -> None:
    assert len(GROUPS) == 6
    order = ("gender", "head", "upper", "lower", "shoes", "attach")
    assert all(name.startswith(start) for name, start in zip(GROUPS, order, strict=True))
    assert all(one != other for one, other in pairwise(GROUPS))
