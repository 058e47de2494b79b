"""The metadata of MARS at full size, without pixels: rebuilt from the official files, or made up of the same counts."""

import shutil
from pathlib import Path

import numpy as np
from scipy.io import loadmat, savemat

TRACKLETS = {"train": 8_298, "test": 12_180}
FRAMES = {"train": 509_914, "test": 681_089}
_QUERIES = 1_980


def rebuild(source: Path, root: Path) -> Path:
    """Tables as released; name files rebuilt from the published list of tracklet prefixes.

    Args:
        source: the folder of the official metadata of MARS.
        root: folder to write `info` into.
    """
    (root / "info").mkdir(parents=True)
    for name in ("tracks_train_info.mat", "tracks_test_info.mat", "query_IDX.mat"):
        shutil.copy(source / name, root / "info" / name)
    for part in ("train", "test"):
        rows = loadmat(root / "info" / f"tracks_{part}_info.mat")[f"track_{part}_info"]
        listed = (source / f"gltr_list_{part}_seq.txt").read_text().splitlines()
        prefixes = [line.split()[0].split("/")[1] for line in listed]
        _write_names(root, part, prefixes, (rows[:, 1] - rows[:, 0] + 1).tolist())
    return root


def make_up(root: Path) -> Path:
    """As many tracklets, frames and queries, of people and lengths that are not those of MARS."""
    (root / "info").mkdir(parents=True)
    draw = np.random.default_rng(7)
    for first, part in ((1, "train"), (2, "test")):
        count = TRACKLETS[part]
        # Lengths of at least 2 and at most 999 that add up to the frames.
        shares = draw.dirichlet(np.full(count, 1.2))
        lengths = np.minimum(2 + np.floor(shares * (FRAMES[part] - 2 * count)), 900).astype(int)
        short = FRAMES[part] - int(lengths.sum())
        lengths += short // count
        lengths[: short % count] += 1
        people = first + 2 * np.sort(np.arange(count) % 625)
        numbers = np.concatenate([np.arange(1, n + 1) for n in np.unique(people, return_counts=True)[1]])
        cameras = 1 + numbers % 6
        rows = zip(people.tolist(), cameras.tolist(), numbers.tolist(), strict=True)
        _write_names(root, part, [f"{p:04d}C{c}T{n:04d}" for p, c, n in rows], lengths.tolist())
        last = np.cumsum(lengths)
        table = np.stack([last - lengths + 1, last, people, cameras], axis=1).astype(np.int32)
        savemat(root / "info" / f"tracks_{part}_info.mat", {f"track_{part}_info": table})
    query = np.arange(1, _QUERIES + 1, dtype=np.uint16)[None]
    savemat(root / "info" / "query_IDX.mat", {"query_IDX": query})
    return root


def _write_names(root: Path, part: str, prefixes: list[str], lengths: list[int]) -> None:
    with (root / "info" / f"{part}_name.txt").open("wb") as file:
        for prefix, count in zip(prefixes, lengths, strict=True):
            file.write(b"".join(f"{prefix}F{k:03d}.jpg\r\n".encode() for k in range(1, count + 1)))
