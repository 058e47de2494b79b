"""What a folder says about itself: the manifest of a rendered or repaired set; its counts replace the official ones."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from datasets.errors import DataError

Counts = Literal["official", "manifest", "any"]

MANIFEST = Path("truth") / "manifest.json"
"""Manifest of a rendered set in the layout of MARS, beside its truth."""
RENDERED = Path("synthwalk.json")
"""Manifest of a set rendered in another layout, which has no truth."""
REPAIRED = Path("repaired.json")
"""Manifest of a set whose frames were repaired (`datasets.repaired`); it comes before that of a rendered set."""
UNFINISHED = Path("repairing.json")
"""Lies beside a repaired set for as long as it is being written."""

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
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        complete = isinstance(manifest["fingerprint"], str) and isinstance(manifest["counts"], dict)
        complete = complete and "version" in manifest and bool(manifest["counts"])
    except (ValueError, KeyError, TypeError):
        complete = False
    if not complete:
        raise DataError(f"{path} is damaged, expected JSON with version, fingerprint and counts: render the set again")
    written = manifest.get("layout", "mars")
    if written != layout:
        raise DataError(f"{root} holds SynthWalk in the layout of {written}, not of {layout}: read it as {written!r}")
    name = "synthwalk" if layout == "mars" else f"synthwalk-{layout}"
    return Manifest(name, str(manifest["version"]), manifest["fingerprint"], True, manifest["counts"], _UNLIKE_MANIFEST)


def _read_repaired(path: Path) -> Manifest:
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        kinds = {"name": str, "version": str, "fingerprint": str, "synthetic": bool, "counts": dict}
        complete = all(type(stored[field]) is kind for field, kind in kinds.items()) and bool(stored["counts"])
        complete = complete and all(type(count) is int for count in stored["counts"].values())
    except (OSError, ValueError, KeyError, TypeError):
        complete = False
    if not complete:
        raise DataError(
            f"{path} is damaged, expected JSON with name, version, fingerprint, synthetic and counts: remove the "
            "folder and write the repaired set again"
        )
    return Manifest(
        stored["name"],
        stored["version"],
        stored["fingerprint"],
        stored["synthetic"],
        stored["counts"],
        _UNLIKE_REPAIRED,
    )
