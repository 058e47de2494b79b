"""`torchrun -m runners.evaluate`: each process reads its slice of the gallery, and the first one says it all."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from runners.errors import RunError
from runners.evaluation import import_export
from runners.evaluation.descriptor_set import FEATURES, Tracklets, read, write
from runners.evaluation.descriptor_table import RankShare
from runners.evaluation.import_export import load, of_set
from runners.torchrun import device_of, process_group, silence_other_ranks

ROWS, DIM = 90, 6


def made(folder: Path, *, junk: bool = True) -> Path:
    """A set of whole numbers: 12 people under 3 cameras, some junk, 18 queries that stay in the gallery."""
    rng = np.random.default_rng(0)
    person = rng.integers(-1 if junk else 1, 12, ROWS)
    asks = np.zeros(ROWS, dtype=bool)
    asks[rng.choice(np.flatnonzero(person > 0), 18, replace=False)] = True
    features = (rng.integers(-2, 3, (14, DIM))[person + 1] + rng.integers(-1, 2, (ROWS, DIM))).astype(np.float32)
    who = Tracklets(
        np.array([f"t{n:03d}" for n in range(ROWS)]), person, rng.integers(1, 4, ROWS), np.full(ROWS, 8), asks,
        np.ones(ROWS, dtype=bool),
    )  # fmt: skip
    return write(folder / "a.descriptors", features, who, {"arm": "gltr", "seed": 0}, "f0")


def start(count: int, words: list[str], folder: Path) -> list[tuple[int, str, str]]:
    """What `count` processes of one torchrun end with: exit code, output, errors."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    alone = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": "1"}
    alone["PYTHONPATH"] = os.pathsep.join(sys.path)
    command = [sys.executable, "-m", "runners.evaluate", *words]
    started = [
        subprocess.Popen(
            command, cwd=folder, env=os.environ | alone | {"RANK": str(rank), "LOCAL_RANK": str(rank)}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for rank in range(count)
    ]  # fmt: skip
    return [(one.returncode, *said) for one in started for said in [one.communicate(timeout=900)]]


def test_two_processes_print_what_one_prints(tmp_path: Path):
    words = ["--descriptors", str(made(tmp_path)), "--json", "--out", str(tmp_path / "out")]
    (code, out, _), (other, silent, nothing) = start(2, words, tmp_path)
    assert (code, other) == (0, 0)
    assert silent == "" and "score" not in nothing
    alone = subprocess.run(
        [sys.executable, "-m", "runners.evaluate", *words[:3]], cwd=tmp_path, text=True, stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}, check=True,
    )  # fmt: skip
    together, single = json.loads(out), json.loads(alone.stdout)
    assert together["tables"] == single["tables"] and together["sets"] == single["sets"]
    assert len(together["tables"]["conventions"]["rows"]) == 37
    assert (tmp_path / "out" / "index.html").is_file()


def test_what_is_wrong_is_told_once_and_all_processes_end(tmp_path: Path):
    folder = made(tmp_path)
    stored = np.lib.format.open_memmap(folder / FEATURES, mode="r+")
    stored[80, 2] = np.nan  # in the slice of the second process; the first one's digest sees it as damage
    stored.flush()
    (code, _, err), (other, out, nothing) = start(2, ["--descriptors", str(folder)], tmp_path)
    assert (code, other) == (2, 2)
    assert len([line for line in err.splitlines() if line.startswith("error: ")]) == 1
    assert out == "" and "error" not in nothing


def test_a_process_reads_its_slice_of_a_set_from_the_file(tmp_path: Path):
    whole = read(made(tmp_path))
    parts = [of_set(whole, share=RankShare(rank, 4)) for rank in range(4)]
    assert [len(one.gallery) for one in parts] == [22, 23, 22, 23]
    np.testing.assert_array_equal(np.concatenate([one.gallery for one in parts]), whole.features)
    for one in parts:
        assert np.shares_memory(one.gallery, whole.features)  # mapped, not loaded
        assert len(one.gallery_ids) == ROWS and len(one.labels[2]) == len(one.gallery)
        np.testing.assert_array_equal(one.labels[2], whole.tracklets.person[one.part])


def test_only_one_process_reads_all_of_it_to_check_the_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = made(tmp_path)
    looked: list[int] = []
    digest = import_export.read.__globals__["digest_of"]
    monkeypatch.setattr(
        "runners.evaluation.descriptor_set.digest_of", lambda *given: (looked.append(1), digest(*given))[1]
    )
    for rank, times in ((0, 1), (1, 1), (2, 1)):
        load(folder, share=RankShare(rank, 3))
        assert len(looked) == times


def test_a_file_is_cut_after_its_queries_were_found_or_appended(tmp_path: Path):
    rng = np.random.default_rng(1)
    ids, cams = np.repeat(np.arange(1, 6), 4), np.tile(np.arange(1, 5), 5)
    gallery = rng.standard_normal((20, 3))
    arrays = {"gallery_features": gallery, "gallery_ids": ids, "gallery_cams": cams}
    arrays |= {"query_features": gallery[::5] + 5, "query_ids": ids[::5], "query_cams": cams[::5]}
    np.savez(tmp_path / "a.npz", **arrays)
    parts = [load(tmp_path / "a.npz", share=RankShare(rank, 2)) for rank in range(2)]
    assert [len(one.gallery) for one in parts] == [12, 12]
    assert all(one.inside is not None and one.inside.tolist() == [20, 21, 22, 23] for one in parts)
    np.testing.assert_array_equal(parts[1].gallery[-4:], gallery[::5] + 5)


def test_alone_nothing_is_started(monkeypatch: pytest.MonkeyPatch):
    for size in (None, "1"):
        monkeypatch.delenv("WORLD_SIZE", raising=False)
        if size:
            monkeypatch.setenv("WORLD_SIZE", size)
        monkeypatch.setenv("RANK", "0")
        with process_group() as processes:
            assert processes is None


def test_each_process_takes_its_own_gpu(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    assert device_of("cuda") == "cuda"
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert [device_of(name) for name in ("cuda", "cuda:1", "cpu")] == ["cuda:3", "cuda:1", "cpu"]


def test_quiet_takes_output_and_bars_away_and_gives_them_back(capsys: pytest.CaptureFixture[str]):
    from runners.progress import note, step_bar

    with silence_other_ranks():
        print("nothing")
        note("nothing")
        with step_bar("nothing", 2, "steps") as bar:
            bar.update(2)
    print("something")
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("something\n", "")


def test_more_processes_than_tracklets_are_refused(tmp_path: Path):
    with pytest.raises((RunError, ValueError), match="cannot be shared by 91 processes"):
        of_set(read(made(tmp_path)), share=RankShare(0, 91))
