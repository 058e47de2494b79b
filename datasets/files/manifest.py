"""What a folder says about itself: the manifest of a rendered or repaired set; its counts replace the official ones."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from datasets.errors import DataError
from files.formats import json

Counts = Literal["official", "manifest", "any"]

MANIFEST = Path("truth") / "manifest.json"
"""Manifest of a rendered set in the layout of MARS, beside its truth."""
RENDERED = Path("synthwalk.json")
"""Manifest of a set rendered in another layout, which has no truth."""
REPAIRED = Path("repaired.json")
"""Manifest of a set whose frames were repaired (`datasets.repaired`); it comes before that of a rendered set."""
UNFINISHED = Path("repairing.json")
"""Lies beside a repaired set for as long as it is being written."""

_LONGEST = 200  # characters of a name
_MOST = 10**15  # more of anything is no count

_UNLIKE_MANIFEST = "files were changed after rendering: render the set again into an empty folder"
_UNLIKE_REPAIRED = "files were changed after the repaired set was written: remove the folder and write it again"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a folder says about itself.

    Attributes:
        name: of the data set, such as ``synthwalk``.
        version: of its content.
        fingerprint: 32 hexadecimal digits; that of a rendered set is of the parameters it was rendered from.
        synthetic: whether the pixels were rendered.
        counts: as `Split.counts` gives them.
        remedy: what to do where the files do not fit.
    """

    name: str
    version: str
    fingerprint: str
    synthetic: bool
    counts: dict[str, int]
    remedy: str


def expectation_of(counts: Counts | None, manifest: Manifest | None) -> Counts:
    """What the counts are compared with: what was asked for, else the manifest where there is one.

    Raises:
        DataError: for an unknown word.
    """
    if counts is not None and counts not in get_args(Counts):
        raise DataError(f"counts={counts!r} is unknown; take one of {', '.join(get_args(Counts))}")
    return counts or ("official" if manifest is None else "manifest")


def spoken(counts: Counts, official: str) -> str:
    """In a few words, what counts are compared with."""
    return {"official": f"official {official}", "manifest": "its manifest"}.get(counts, "nothing: any counts will do")


def read_manifest(root: Path, counts: Counts | None, layout: str = "mars") -> Manifest | None:
    """The manifest of a folder; None where it has none.

    Args:
        root: the data set's folder.
        counts: what the reader was asked to compare with.
        layout: of the reader, a name in `datasets.names`.

    Raises:
        DataError: the manifest is missing though it was asked for, damaged, or is that of another layout.
    """
    if (root / REPAIRED).is_file():
        if counts == "official":
            raise DataError(
                f"{root} is a repaired set, so its counts need not be the official ones; leave counts='official' "
                "(--counts official) out, and they are compared with its own manifest"
            )
        return _read_repaired(root / REPAIRED)
    path = root / (MANIFEST if layout == "mars" else RENDERED)
    if not path.is_file():
        if counts == "manifest":
            raise DataError(
                f"{path} is missing, so this is no completely rendered SynthWalk: render it again with "
                "`python -m runners.data render`"
            )
        return None
    manifest = json.read_object(path, error=DataError, remedy="render the set again")
    version = str(manifest["version"]) if isinstance(manifest.get("version"), int) else manifest.get("version")
    if not (_is_word(version) and _is_word(manifest.get("fingerprint")) and _are_counts(manifest.get("counts"))):
        raise DataError(
            f"{path} is damaged, expected JSON with version, fingerprint and counts (whole numbers of 0 or more): "
            "render the set again"
        )
    written = manifest.get("layout", "mars")
    if written != layout:
        other = str(written)[:_LONGEST]
        raise DataError(f"{root} holds SynthWalk in the layout of {other}, not of {layout}: read it as {other!r}")
    name = "synthwalk" if layout == "mars" else f"synthwalk-{layout}"
    return Manifest(name, str(version), manifest["fingerprint"], True, manifest["counts"], _UNLIKE_MANIFEST)


def _is_word(value: object) -> bool:
    """Whether it is a text as a name, a version or a fingerprint is."""
    return isinstance(value, str) and 0 < len(value) <= _LONGEST and value.isprintable()


def _are_counts(value: object) -> bool:
    """Whether it is counts under names: none is negative, or has more digits than a count can have."""
    return (
        isinstance(value, dict)
        and bool(value)
        and all(_is_word(name) and type(count) is int and 0 <= count < _MOST for name, count in value.items())
    )


def _read_repaired(path: Path) -> Manifest:
    remedy = "remove the folder and write the repaired set again"
    stored = json.read_object(path, error=DataError, remedy=remedy)
    words = all(_is_word(stored.get(field)) for field in ("name", "version", "fingerprint"))
    if not (words and type(stored.get("synthetic")) is bool and _are_counts(stored.get("counts"))):
        raise DataError(
            f"{path} is damaged, expected JSON with name, version, fingerprint, synthetic and counts (whole numbers "
            f"of 0 or more): {remedy}"
        )
    return Manifest(
        stored["name"],
        stored["version"],
        stored["fingerprint"],
        stored["synthetic"],
        stored["counts"],
        _UNLIKE_REPAIRED,
    )
