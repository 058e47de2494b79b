"""SynthWalk in the layout of LS-VID, read by way of either release and decoded."""

import dataclasses
import hashlib
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

import datasets
from datasets.errors import DataError
from datasets.frames.decoded import FrameStore
from datasets.readers.ls_vid.queries import MATLAB, NUMPY, TABLE
from datasets.readers.mars import reader
from datasets.synthwalk import presets, write
from datasets.synthwalk.layouts import ls_vid as layout
from datasets.synthwalk.layouts import render_as
from datasets.synthwalk.presets import World

SMALL = presets.preset("tiny", seed=7, height=32, width=16, train_ids=5, test_ids=6, distractors=3)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, World]:
    return render_as("ls-vid", SMALL, tmp_path_factory.mktemp("rendered") / "ls-vid", workers=2, progress=False)


@pytest.fixture(scope="module")
def source(rendered: tuple[Path, World], tmp_path_factory: pytest.TempPathFactory) -> datasets.Split:
    """The same world in the layout of MARS."""
    _, world = rendered
    root = write.render(world, tmp_path_factory.mktemp("source") / "mars", workers=2, progress=False)
    return reader.examine(root).require()


def contents(root: Path, tracklet: datasets.Tracklet) -> tuple[str, ...]:
    return tuple(hashlib.sha256((root / frame).read_bytes()).hexdigest() for frame in tracklet.frames)


def test_every_pixel_is_there_in_order(rendered: tuple[Path, World], source: datasets.Split) -> None:
    split = datasets.load("ls-vid", rendered[0], val=True)
    assert (split.name, split.synthetic) == ("synthwalk-ls-vid", True)
    assert len(split.train) == len(source.train)
    train = {contents(split.root, t): (t.person_id, t.camera_id) for t in split.train}
    assert train == {contents(source.root, t): (t.person_id, t.camera_id) for t in source.train}
    for here, there in zip(split.test, source.test, strict=True):
        assert (here.person_id, here.camera_id) == (there.person_id, there.camera_id)
        assert contents(split.root, here) == contents(source.root, there)
    assert np.array_equal(split.query_index, source.query_index)
    store = FrameStore.build(split.test, split.root, None, (32, 16), fingerprint=split.fingerprint, progress=False)
    clip = store.clip(0, np.arange(len(split.test[0])))
    assert clip.shape == (len(split.test[0]), 32, 16, 3)
    assert clip.std() > 10


def test_one_training_person_of_five_is_for_validation(rendered: tuple[Path, World]) -> None:
    split = datasets.load("ls-vid", rendered[0])
    counted = {check.what: check for check in datasets.examine("ls-vid", rendered[0]).checks}
    assert (split.counts()["train_ids"], counted["val_ids"].found, counted["val_ids"].expected) == (4, 1, 1)
    with_val = datasets.load("ls-vid", rendered[0], val=True)
    assert (with_val.counts()["train_ids"], with_val.counts()["test_ids"]) == (5, 6)
    assert (split.counts()["distractor_tracklets"], split.counts()["junk_tracklets"]) == (0, 0)


def test_either_release_gives_the_same_queries(rendered: tuple[Path, World], tmp_path: Path) -> None:
    root, _ = rendered
    both = datasets.load("ls-vid", root)
    for absent in ((MATLAB,), (NUMPY, TABLE)):
        copy = tmp_path / absent[0].stem
        shutil.copytree(root, copy)
        for path in absent:
            (copy / path).unlink()
        assert np.array_equal(datasets.load("ls-vid", copy).query_index, both.query_index)


def test_the_matlab_file_is_one_of_version_7_3(rendered: tuple[Path, World]) -> None:
    data = (rendered[0] / MATLAB).read_bytes()
    assert data.startswith(b"MATLAB 7.3 MAT-file")
    assert data[124:128] == b"\x00\x02IM"  # version 0x0200, little-endian
    assert data[512:520] == b"\x89HDF\r\n\x1a\n"


def test_the_same_world_twice_is_the_same_set(
    rendered: tuple[Path, World], source: datasets.Split, tmp_path: Path
) -> None:
    root, world = rendered
    layout.arrange(source, tmp_path, world.seed)
    for path in (*root.rglob("*.jpg"), *root.rglob("*.txt"), *root.rglob("*.npy"), *root.rglob("*.mat")):
        assert (tmp_path / path.relative_to(root)).read_bytes() == path.read_bytes()
    assert datasets.load("ls-vid", tmp_path, counts="any").counts() == datasets.load("ls-vid", root).counts()


def test_a_lost_tracklet_of_a_rendered_set_is_noticed(rendered: tuple[Path, World], tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(rendered[0], root)
    path = root / "list_sequence" / "list_seq_train.txt"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(DataError, match=r"train tracklets is .*render the set again"):
        datasets.load("ls-vid", root)


def test_worlds_are_made_to_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert layout.fit(presets.preset("mars-size")).shape == "drawn"
    with pytest.raises(DataError, match="train_ids is 1"):
        layout.fit(dataclasses.replace(SMALL, train_ids=1))
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(DataError, match="pip install h5py"):
        layout.fit(SMALL)
