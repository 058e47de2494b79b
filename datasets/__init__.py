"""What is looked at: layouts on disk become tracklets, tracklets become clips.

    import datasets
    split = datasets.load("mars", "/data/mars")
    split.counts()["train_tracklets"]        # 8298

A data set is one module with a function `examine(root, *, split, **options) -> Examination`, and one line in
the table below. Nothing here imports torch.
"""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasets.errors import DataError
from datasets.tracklet import Split, Tracklet
from files.errors import did_you_mean

if TYPE_CHECKING:
    from datasets.checks import Examination
    from datasets.files.content_digest import Content

__all__ = ["DataError", "Split", "Tracklet", "examine", "load", "names", "num_splits", "reader_of"]


@dataclass(frozen=True, slots=True)
class _Reader:
    module: str
    function: str = "examine"
    splits: int = 1  # how many fixed divisions the data set publishes; accuracies are averaged over them


_READERS = {
    "mars": _Reader("datasets.readers.mars.reader"),
    "duke": _Reader("datasets.readers.duke.reader"),
    "ls-vid": _Reader("datasets.readers.ls_vid.reader"),
    "synthwalk": _Reader("datasets.readers.mars.reader", "examine_synthwalk"),
    "ilids": _Reader("datasets.readers.two_cameras.ilids", splits=10),
    "ilids-csa": _Reader("datasets.readers.two_cameras.ilids", "examine_csa", splits=10),
    "prid": _Reader("datasets.readers.two_cameras.prid", splits=10),
    "prid-200": _Reader("datasets.readers.two_cameras.prid", "examine_200", splits=10),
    "own": _Reader("datasets.readers.own.reader"),
}


_OTHER_SOURCES = {"rap": "datasets.attributes.rap"}  # read for their attributes alone


def names() -> tuple[str, ...]:
    """The data sets that can be read, sorted."""
    return tuple(sorted(_READERS))


def num_splits(name: str) -> int:
    """How many fixed train/test divisions a data set has (1 for MARS).

    Raises:
        DataError: for an unknown name.
    """
    return _reader(name).splits


def reader_of(name: str) -> str:
    """The module that reads a data set, by `Split.name`; of what a rendered set is laid out like, and of a source.

    Raises:
        DataError: nothing is called so.
    """
    return _OTHER_SOURCES.get(name) or _reader(name.removeprefix("synthwalk-")).module


def load(name: str, root: str | Path, *, split: int = 0, content: "Content" = "known", **options: Any) -> Split:
    """Read a data set from disk, and insist that it is right.

    The fingerprint covers the bytes of every frame. They are read once; later only sizes and times of the files are
    asked for, as long as these stay the same (`datasets.files.content_digest`).

    Args:
        name: one of `names()`.
        root: the data set's folder.
        split: which of the `num_splits(name)` divisions, from 0.
        content: "known" reads the frames that are not remembered, "read" every frame again, "no" none: then the
            fingerprint is another one, of names and sizes alone.
        options: passed to the reader, e.g. `check_images=False`, which leaves the frames' content alone too.

    Raises:
        DataError: for an unknown name or split, and for everything that is wrong with the folder.
    """
    return examine(name, root, split=split, content=content, **options).require()


def examine(
    name: str, root: str | Path, *, split: int = 0, content: "Content" = "known", **options: Any
) -> "Examination":
    """Read a data set from disk, and list all checks instead of raising for the first that fails.

    Arguments as in `load`.

    Raises:
        DataError: an unknown name, split or option, or what cannot be read at all.
    """
    reader = _reader(name)
    if not 0 <= split < reader.splits:
        raise DataError(
            f"{name} has {reader.splits} split(s), so split {split} does not exist; "
            f"ask for one of 0 to {reader.splits - 1}"
        )
    from datasets.pack import is_pack
    from datasets.pack import reader as pack_reader  # a pack of the data set takes the place of its folder

    if is_pack(Path(root)):
        return pack_reader.examine(name, Path(root), split=split, known=names(), options=options)
    function = getattr(importlib.import_module(reader.module), reader.function)
    try:
        result: Examination = function(Path(root), split=split, **options)
    except TypeError as error:
        if "unexpected keyword argument" in str(error):
            raise DataError(f"the reader of {name} was given an option it does not have: {error}") from error
        raise
    if not options.get("check_images", True):
        return result
    from datasets.files import content_digest

    return content_digest.with_content(result, content)


def _reader(name: str) -> _Reader:
    if name not in _READERS:
        hint = did_you_mean(name.lower(), _READERS, most=2, cutoff=0.5) or f"known are {', '.join(names())}."
        raise DataError(f"there is no data set called {name!r}; {hint}")
    return _READERS[name]
