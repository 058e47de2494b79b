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

Plain arrays and raw bytes, because nothing that keeps more was quicker to read (benchmark `tests/benchmarks/
test_pack.py`: zip and HDF5 cost several times more for each frame, safetensors and Arrow hold their names in one header
that every process parses), and because they can be read without this suite by anybody with NumPy.
"""

from datasets.pack.checking import verify
from datasets.pack.layout import PackReport
from datasets.pack.reading import Pack, beside, bytes_of, open_pack
from datasets.pack.writing import SHARD_BYTES, write

__all__ = ["SHARD_BYTES", "Pack", "PackReport", "beside", "bytes_of", "open_pack", "verify", "write"]
