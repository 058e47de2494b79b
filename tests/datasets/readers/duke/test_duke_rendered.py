"""SynthWalk in the layout of DukeMTMC-VideoReID, read and decoded."""

import dataclasses
import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import datasets
from datasets.errors import DataError
from datasets.frames.decoded import FrameStore
from datasets.readers.mars import reader
from datasets.synthwalk import presets, write
from datasets.synthwalk.layouts import duke as layout
from datasets.synthwalk.layouts import render_as
from datasets.synthwalk.presets import World

SMALL = presets.preset("tiny", seed=7, height=32, width=16, train_ids=4, test_ids=6, distractors=3)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, World]:
    return render_as("duke", SMALL, tmp_path_factory.mktemp("rendered") / "duke", workers=2, progress=False)


@pytest.fixture(scope="module")
def source(rendered: tuple[Path, World], tmp_path_factory: pytest.TempPathFactory) -> datasets.Split:
    """The same world in the layout of MARS."""
    _, world = rendered
    root = write.render(world, tmp_path_factory.mktemp("source") / "mars", workers=2, progress=False)
    return reader.examine(root).require()


def test_the_reader_finds_what_was_rendered(rendered: tuple[Path, World], source: datasets.Split) -> None:
    root, _ = rendered
    split = datasets.load("duke", root)
    assert (split.name, split.synthetic) == ("synthwalk-duke", True)
    assert datasets.examine("duke", root).expectation == "its manifest"
    there, here = source.counts(), split.counts()
    for part in ("train", "test", "gallery"):
        assert here[f"{part}_tracklets"] == there[f"{part}_tracklets"]
        assert here[f"{part}_frames"] == there[f"{part}_frames"]
    assert (here["train_ids"], here["test_ids"], here["query_ids"]) == (4, 6 + 3, 6)
    assert (here["query_tracklets"], here["unmatched_queries"], here["junk_tracklets"]) == (6, 0, 0)


def test_every_pixel_is_there_in_order(rendered: tuple[Path, World], source: datasets.Split) -> None:
    split = datasets.load("duke", rendered[0])
    real = {(t.person_id, t.camera_id): t for t in (*source.train, *source.test) if t.person_id > 0}
    strangers = {contents(source.root, t) for t in source.test if t.person_id == 0}
    for tracklet in (*split.train, *split.test):
        original = real.pop((tracklet.person_id, tracklet.camera_id), None)
        if original is None:
            strangers.remove(contents(split.root, tracklet))
        else:
            assert contents(split.root, tracklet) == contents(source.root, original)
    assert not real
    assert not strangers
    store = FrameStore.build(split.test, split.root, None, (32, 16), fingerprint=split.fingerprint, progress=False)
    assert len(store) == len(split.test)
    clip = store.clip(int(split.query_index[0]), np.arange(len(split.query[0])))
    assert clip.shape == (len(split.query[0]), 32, 16, 3)
    assert clip.std() > 10


def contents(root: Path, tracklet: datasets.Tracklet) -> tuple[str, ...]:
    return tuple(hashlib.sha256((root / frame).read_bytes()).hexdigest() for frame in tracklet.frames)


def test_it_looks_like_the_release(rendered: tuple[Path, World]) -> None:
    root, _ = rendered
    split = datasets.load("duke", root)
    numbers = [int(t.key.rpartition("T")[2]) for t in (*split.train, *split.test)]
    assert numbers == list(range(1, len(numbers) + 1))
    for half in (split.train, split.test):
        assert set(Counter((t.person_id, t.camera_id) for t in half).values()) == {1}
    people = Counter(t.person_id for t in split.test)
    strangers = {t.person_id for t in split.test} - {t.person_id for t in split.query}
    assert len(strangers) == 3
    assert all(people[person] == 1 for person in strangers)
    letters = {t.person_id: Path(t.frames[0]).name.split("_")[3][0] for t in split.test}
    assert {letters[person] for person in strangers} == {"D"}
    assert {letters[t.person_id] for t in split.query} == {"X"}
    for tracklet in split.query:
        copies = [root / frame.replace("gallery/", "query/", 1) for frame in tracklet.frames]
        assert all(copy.samefile(root / frame) for copy, frame in zip(copies, tracklet.frames, strict=True))


def test_both_forms_and_late_starts_are_written(source: datasets.Split, tmp_path: Path) -> None:
    firsts: set[str] = set()
    for form in ("new", "old"):
        folder = tmp_path / form
        folder.mkdir()
        counts = layout.arrange(source, folder, seed=1, form=form)
        found = datasets.load("duke", folder, counts="any")
        assert {name: found.counts()[name] for name in counts} == counts
        assert set(counts) == set(found.counts())
        for tracklet in (*found.train, *found.test):
            name = Path(tracklet.frames[0]).name
            assert ("_" in name) == (form == "new")
            firsts.add(name.replace("_", "")[6:11])
    assert firsts == {"F0001", "F0002"}


def test_the_same_world_twice_is_the_same_set(
    rendered: tuple[Path, World], source: datasets.Split, tmp_path: Path
) -> None:
    root, world = rendered
    (tmp_path / "again").mkdir()
    layout.arrange(source, tmp_path / "again", world.seed)
    names = [{str(path.relative_to(at)) for path in at.rglob("*.jpg")} for at in (root, tmp_path / "again")]
    assert names[0] == names[1]
    (tmp_path / "other").mkdir()
    layout.arrange(source, tmp_path / "other", world.seed + 1)
    assert names[0] != {str(path.relative_to(tmp_path / "other")) for path in (tmp_path / "other").rglob("*.jpg")}


def test_a_lost_frame_of_a_rendered_set_is_noticed(rendered: tuple[Path, World], tmp_path: Path) -> None:
    root, world = rendered
    again, _ = render_as("duke", world, tmp_path / "duke", workers=2, progress=False)
    split = datasets.load("duke", again)
    assert split.fingerprint == datasets.load("duke", root).fingerprint
    (again / split.train[0].frames[-1]).unlink()
    with pytest.raises(DataError, match=r"train frames is .*render the set again"):
        datasets.load("duke", again)


def test_it_is_read_by_its_own_name_only(rendered: tuple[Path, World]) -> None:
    with pytest.raises(DataError):
        datasets.load("mars", rendered[0])
    with pytest.raises(DataError, match="in the layout of duke, not of ls-vid: read it as 'duke'"):
        datasets.files.manifest.read_manifest(rendered[0], None, "ls-vid")


def test_worlds_are_made_to_fit() -> None:
    world = layout.fit(
        dataclasses.replace(SMALL, cameras=9, cameras_per_person=((1, 0.5), (2, 0.25), (9, 0.25)), junk=5)
    )
    world.check()
    assert world.cameras == 8
    assert world.cameras_per_person == ((2, 0.75), (8, 0.25))
    assert (world.junk, world.second_tracklet) == (0, 0.0)
    assert layout.fit(presets.preset("mars-size")).shape == "drawn"
    with pytest.raises(DataError, match="four digits"):
        layout.fit(dataclasses.replace(SMALL, train_ids=4_000, distractors=5_000))
