"""Packed storage: the image files of a data set, their bytes untouched, in a few large files with an index.

    from datasets import pack
    pack.write(datasets.load("mars", root), Path(root) / "pack")
    datasets.load("mars", Path(root) / "pack")      # works without the images; with them, the pack is used too

A million small files are slow to copy, to list and to read; a pack of them is a few dozen files of 256 MB. It is used
without being named where it lies as `pack` in the data set's folder and holds that very data (`beside`).

    pack.json         last of all: the divisions, and the checksum of every other file
    shard-00000.bin   the image files one after the other, in the order of the tracklets
    frames.npy        for each frame: shard, offset, size, CRC-32 of its bytes
    tracklets.npy     for each tracklet: first frame, person, camera
    keys.npy, prefixes.npy, names.npy   names of tracklets and frames, as bytes
    division-0.npy    which tracklets train, which are test, query and gallery

Plain arrays and raw bytes measured best (`tests/benchmarks/datasets/test_pack.py`, frames of 9 kB). Read in blocks a
frame takes about as long as out of safetensors, less than half as long as its file, a fifth of a zip's entry and a
twentieth of an HDF5 data set. But safetensors keeps all names in one JSON header, which takes each process seconds
to parse at the size of MARS, where this index is open in a tenth of one. And anybody with NumPy can read it without
this suite.
"""

from datasets.pack.file_format import PackReport, is_pack
from datasets.pack.read import Pack, beside, bytes_of, open_pack
from datasets.pack.verify import differences, verify
from datasets.pack.writer import SHARD_BYTES, write

__all__ = [
    "SHARD_BYTES",
    "Pack",
    "PackReport",
    "beside",
    "bytes_of",
    "differences",
    "is_pack",
    "open_pack",
    "verify",
    "write",
]
