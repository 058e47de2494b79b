"""Descriptors of anybody: what is read, what is refused in one sentence, and where the queries are in the gallery."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from datasets.tracklet import Split, Tracklet
from protocols.ranking import rank_features
from protocols.ranking.conventions import Convention
from runners.errors import RunError
from runners.evaluation import descriptor_set
from runners.evaluation.descriptor_set import Tracklets
from runners.evaluation.import_export import load, save

IDS, CAMS = np.array([1, 1, 2, 2, 0, -1, 1]), np.array([1, 2, 1, 2, 1, 2, 3])
QUERIES = np.array([0, 3])


def arrays(**changes: Any) -> dict[str, Any]:
    """Seven gallery tracklets, two of them queries."""
    features = np.random.default_rng(0).standard_normal((7, 3)).astype(np.float32)
    plain = {
        "query_features": features[QUERIES], "query_ids": IDS[QUERIES], "query_cams": CAMS[QUERIES],
        "gallery_features": features, "gallery_ids": IDS, "gallery_cams": CAMS, "query_in_gallery": QUERIES,
    }  # fmt: skip
    merged = plain | changes
    return {name: value for name, value in merged.items() if value is not None}


def written(folder: Path, **changes: Any) -> Path:
    np.savez(folder / "a.npz", **arrays(**changes))
    return folder / "a.npz"


def test_npz_and_mat_come_back_as_they_went(tmp_path: Path):
    first = load(written(tmp_path))
    for name in ("b.npz", "b.mat"):
        save(tmp_path / name, first)
        again = load(tmp_path / name)
        np.testing.assert_array_equal(again.query, first.query)
        np.testing.assert_array_equal(again.gallery, first.gallery)
        for found, wanted in zip((*again.labels, again.inside), (*first.labels, first.inside), strict=True):
            np.testing.assert_array_equal(found, wanted)
    with pytest.raises(RunError, match=r"\.npz or \.mat"):
        save(tmp_path / "b.csv", first)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"gallery_cams": None, "query_ids": None}, "lacks query_ids, gallery_cams"),
        ({"query_features": np.zeros(3)}, "query_features must be a matrix"),
        ({"query_features": np.array([["a", "b", "c"]] * 2)}, "must hold real numbers"),
        ({"query_features": np.zeros((2, 4))}, "4 numbers and those of the gallery 3"),
        ({"gallery_features": np.full((7, 3), np.nan)}, "gallery_features of row 0 hold NaN"),
        ({"query_features": np.array([[1, 2, 3], [1, np.inf, 3]])}, "query_features of row 1 hold NaN or an infinity"),
        ({"query_ids": np.array([1, 2, 3])}, "query_ids must have one entry for each of 2 rows"),
        ({"gallery_ids": IDS + 0.5}, "gallery_ids must be whole numbers"),
        ({"gallery_ids": np.array(list("abcdefg"))}, "gallery_ids must be whole numbers"),
        ({"gallery_cams": np.full(7, np.nan)}, "gallery_cams must be whole numbers"),
        ({"gallery_features": np.zeros((0, 3)), "gallery_ids": [], "gallery_cams": []}, "0 gallery tracklets"),
        ({"query_features": np.zeros((0, 3)), "query_ids": [], "query_cams": []}, "0 queries"),
        ({"gallery_cams": np.ones(7, int), "query_cams": [1, 1]}, "none of the 2 queries has its person"),
        ({"query_ids": [-1, -1], "query_in_gallery": None}, "none of the 2 queries has its person"),
        ({"query_in_gallery": np.array([0])}, "query_in_gallery must have one entry"),
        ({"query_in_gallery": np.array([0.5, 1])}, "query_in_gallery must be whole numbers"),
    ],
)  # fmt: skip
def test_bad_files_end_with_one_sentence(tmp_path: Path, changes: dict[str, Any], says: str):
    with pytest.raises(RunError, match=says) as error:
        load(written(tmp_path, **changes))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["a.h5", "a.csv", "a"])
def test_unknown_kinds_are_refused(tmp_path: Path, name: str):
    with pytest.raises(RunError, match="unknown kind"):
        load(tmp_path / name)


def test_files_that_are_none(tmp_path: Path):
    with pytest.raises(RunError, match="does not exist"):
        load(tmp_path / "a.npz")
    (tmp_path / "b.npz").write_bytes(b"no zip")
    with pytest.raises(RunError, match=r"cannot be read as NumPy arrays \(\.npz\)"):
        load(tmp_path / "b.npz")
    (tmp_path / "b.mat").write_bytes(b"no matlab")
    with pytest.raises(RunError, match="cannot be read as a MATLAB file"):
        load(tmp_path / "b.mat")
    np.savez(tmp_path / "objects.npz", **arrays(query_ids=np.array([{}, {}], dtype=object)))
    with pytest.raises(RunError, match=r"cannot be read as NumPy arrays \(\.npz\)"):
        load(tmp_path / "objects.npz")
    (tmp_path / "c.descriptors.partial").mkdir()
    (tmp_path / "c.descriptors.partial" / "features.npy").touch()
    for folder in ("c.descriptors.partial", "c.descriptors"):
        with pytest.raises(RunError, match="never finished"):
            load(tmp_path / folder)


def test_queries_are_found_by_their_descriptor_and_each_row_is_used_once(tmp_path: Path):
    found = load(written(tmp_path, query_in_gallery=None))
    assert found.inside is not None and found.inside.tolist() == QUERIES.tolist()
    twins = arrays(query_in_gallery=None)
    twins["gallery_features"][[0, 1]] = twins["gallery_features"][0]
    twins |= {
        "query_features": twins["gallery_features"][[0, 1]], "query_ids": [1, 1], "query_cams": [1, 1],
        "gallery_cams": np.array([1, 1, 1, 2, 1, 2, 3]), "query_in_gallery": None,
    }  # fmt: skip
    found = load(written(tmp_path, **twins))
    assert found.inside is not None and sorted(found.inside.tolist()) == [0, 1]


def apart() -> dict[str, Any]:
    """The same without the queries in the gallery."""
    kept = np.setdiff1d(np.arange(7), QUERIES)
    whole = arrays()
    return {"query_in_gallery": None} | {
        f"gallery_{name}": whole[f"gallery_{name}"][kept] for name in ("features", "ids", "cams")
    }


def test_appended_queries_score_as_if_they_had_been_there(tmp_path: Path):
    """Against the whole gallery, by hand: the order of the gallery does not matter to a score."""
    inside, appended = load(written(tmp_path)), load(written(tmp_path, **apart()))
    assert "2 queries were put behind the gallery" in appended.placing
    for gallery in ("full", "without-junk", "without-queries"):
        scores = [
            rank_features(one.query, one.gallery, *one.labels, gallery=gallery, query_in_gallery=one.inside).mAP
            for one in (inside, appended)
        ]
        assert scores[0] == pytest.approx(scores[1], abs=1e-12)
    plain = rank_features(appended.query, appended.gallery[:5], *(label[:5] for label in appended.labels))
    without = rank_features(
        appended.query, appended.gallery, *appended.labels, gallery="without-queries", query_in_gallery=appended.inside
    )
    assert plain.convention == Convention() and plain.mAP == without.mAP


def test_some_queries_inside_and_some_not_is_nobodys_convention(tmp_path: Path):
    moved = arrays(query_in_gallery=None)["query_features"].copy()
    moved[1] += 1
    path = written(tmp_path, query_in_gallery=None, query_features=moved)
    with pytest.raises(RunError, match="1 of 2 queries were found in the gallery"):
        load(path)
    assert load(path, queries="as-is").inside is None
    appended = load(path, queries="append")  # each query once: the one that is there stays where it is
    assert appended.inside is not None and appended.inside.tolist() == [0, 7] and len(appended.gallery) == 8
    with pytest.raises(RunError, match="0 of 2 queries were found"):
        load(written(tmp_path, **apart()), queries="inside")


@pytest.fixture
def split(tmp_path: Path) -> Split:
    test = tuple(Tracklet(f"{p}C{c}", int(p), int(c), ("1.jpg",)) for p, c in zip(IDS, CAMS, strict=True))
    return Split("made-up", tmp_path, (), test, QUERIES, np.arange(7), "ab" * 16, "1", True)


def test_labels_come_from_a_data_set(tmp_path: Path, split: Split):
    whole = arrays()
    np.savez(tmp_path / "f.npz", features=whole["gallery_features"])
    np.savez(tmp_path / "g.npz", **{name: whole[name] for name in ("query_features", "gallery_features")})
    for name in ("f.npz", "g.npz"):
        found = load(tmp_path / name, split)
        np.testing.assert_array_equal(found.query_ids, IDS[QUERIES])
        np.testing.assert_array_equal(found.gallery_cams, CAMS)
        assert found.inside is not None and found.inside.tolist() == QUERIES.tolist()
        assert found.keys is not None and found.keys.tolist() == ["1C1", "2C2"]
    np.savez(tmp_path / "h.npz", features=whole["gallery_features"][:6])
    with pytest.raises(RunError, match="one row for each of the 7 test tracklets"):
        load(tmp_path / "h.npz", split)
    np.savez(tmp_path / "h.npz", query_features=whole["query_features"][:1], gallery_features=whole["gallery_features"])
    with pytest.raises(RunError, match="query_features has 1 rows, but made-up has 2 query tracklets"):
        load(tmp_path / "h.npz", split)


def test_a_set_of_this_suite_is_its_data_set(tmp_path: Path, split: Split):
    features = arrays()["gallery_features"]
    who = Tracklets.of(split, np.ones(7, dtype=np.int64))
    folder = descriptor_set.write(tmp_path / "a.descriptors", features, who, {"label": "Net", "seed": 3}, "f")
    found = load(folder)
    assert found.name == "Net, seed 3" and found.inside is not None and found.inside.tolist() == QUERIES.tolist()
    assert isinstance(found.gallery, np.memmap)  # everybody is in the gallery, so nothing is copied
    np.testing.assert_array_equal(found.query, features[QUERIES])


def two_cameras(folder: Path, **changes: Any) -> Path:
    """Camera 1 asks, camera 2 answers, as in iLIDS-VID; cameras shift descriptors, so what shares one looks alike."""
    rng = np.random.default_rng(0)
    people, shift = 2 * rng.standard_normal((40, 16)), 3 * rng.standard_normal(16)
    plain = {
        "query_features": people + rng.standard_normal((40, 16)) + shift, "query_ids": np.arange(40) + 1,
        "query_cams": np.ones(40, int), "gallery_features": people + rng.standard_normal((40, 16)) - shift,
        "gallery_ids": np.arange(40) + 1, "gallery_cams": np.full(40, 2),
    }  # fmt: skip
    np.savez(folder / "two.npz", **(plain | changes))
    return folder / "two.npz"


def test_queries_are_not_put_into_a_gallery_of_other_cameras(tmp_path: Path):
    found, plain = load(two_cameras(tmp_path)), load(two_cameras(tmp_path), queries="as-is")
    assert found.inside is None and len(found.gallery) == 40 and found.apart
    assert "shares no camera" in found.placing
    scores = [rank_features(one.query, one.gallery, *one.labels).mAP for one in (found, plain)]
    assert scores[0] == scores[1] > 0.3
    appended = load(two_cameras(tmp_path), queries="append")  # as asked for, under nobody's name
    assert len(appended.gallery) == 80 and appended.unnamed == ("full", "without-junk")
    assert rank_features(appended.query, appended.gallery, *appended.labels).mAP < 0.2
    junk = load(two_cameras(tmp_path, gallery_ids=np.r_[np.arange(39) + 1, -1], gallery_cams=np.r_[np.full(39, 2), 1]))
    assert junk.inside is None  # junk is never retrieved, so its camera does not matter


def test_people_that_are_numbered_apart_are_told_before_queries_answer_each_other(tmp_path: Path):
    numbers = np.arange(40) // 2 + 101
    path = two_cameras(tmp_path, query_ids=numbers, query_cams=np.arange(40) % 2 + 1)
    for queries in ("auto", "append", "as-is", "inside"):
        with pytest.raises(RunError, match="none of the 40 queries has its person in the gallery"):
            load(path, queries=queries)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"query_in_gallery": np.array([0, 70])}, "query_in_gallery names row 70 for query 1, expected 0 to 6"),
        ({"query_in_gallery": np.array([0, -1])}, "names row -1 for query 1"),
        ({"query_in_gallery": np.array([1, 3])}, "row 1 is person 1 under camera 2; rows are counted from 0"),
        ({"gallery_ids": IDS.astype(complex)}, "gallery_ids must be whole numbers, got complex128"),
        ({"gallery_ids": IDS > 0}, "gallery_ids must be whole numbers, got bool"),
        ({"gallery_ids": np.full(7, 2**63, dtype=np.uint64)}, "gallery_ids must be whole numbers, but entry 0 is 9223"),
        ({"gallery_cams": np.full(7, np.inf)}, "gallery_cams must be whole numbers, but entry 0 is inf"),
        ({"query_ids": np.array(1)}, "query_ids must have one entry for each of 2 rows"),
        ({"query_features": np.zeros((2, 3), dtype=[("a", "f4")])}, "query_features must hold real numbers"),
        ({"query_features": np.ones((2, 3), dtype=bool)}, "query_features must hold real numbers"),
    ],
)
def test_labels_that_are_none_are_told_with_their_row(tmp_path: Path, changes: dict[str, Any], says: str):
    with pytest.raises(RunError, match=says):
        load(written(tmp_path, **changes))


def test_numbers_that_are_written_otherwise_are_the_same_numbers(tmp_path: Path):
    plain = load(written(tmp_path))
    other = load(written(
        tmp_path, gallery_ids=IDS.astype(">f8"), query_cams=CAMS[QUERIES].astype(np.uint8),
        gallery_features=arrays()["gallery_features"].astype(">f4"),
    ))  # fmt: skip
    np.testing.assert_array_equal(plain.gallery_ids, other.gallery_ids)
    np.testing.assert_array_equal(plain.gallery, other.gallery)
    assert other.gallery.dtype == np.float32 and other.gallery.dtype.isnative


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (("qf", "query_features"), "qf is query_features"),
        (("query_f", "query_features"), "query_f is query_features"),
        (("g_pids", "gallery_ids"), "g_pids is gallery_ids"),
        (("q_camids", "query_cams"), "q_camids is query_cams"),
        (("GalleryLabels", "gallery_ids"), "GalleryLabels is gallery_ids"),
    ],
)
@pytest.mark.parametrize("suffix", [".npz", ".mat"])
def test_near_misses_of_names_are_recognised_and_told(tmp_path: Path, names: tuple[str, str], says: str, suffix: str):
    stored = arrays()
    stored[names[0]] = stored.pop(names[1])
    path = tmp_path / f"a{suffix}"
    np.savez(path, **stored) if suffix == ".npz" else savemat(path, stored)
    with pytest.raises(RunError, match=f"lacks {names[1]}; it holds .*perhaps {says}"):
        load(path)


def test_a_matlab_7_3_file_is_read_with_the_axes_of_matlab(tmp_path: Path):
    first = load(written(tmp_path))
    path = tmp_path / "a.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, values in arrays().items():
            matrix = values if values.ndim == 2 else values[:, None]
            file.create_dataset(name, data=matrix.T).attrs["MATLAB_class"] = np.bytes_("double")
    with path.open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    again = load(path)
    np.testing.assert_array_equal(again.gallery, first.gallery)
    for found, wanted in zip((*again.labels, again.inside), (*first.labels, first.inside), strict=True):
        np.testing.assert_array_equal(found, wanted)
