"""Where a data set is from, as its manifest says: it shows whether two folders hold the same people."""

from dataclasses import dataclass
from typing import Any

from datasets.errors import DataError
from datasets.files.manifest import MANIFEST, RENDERED, REPAIRED
from datasets.tracklet import Split
from files.formats import json


@dataclass(frozen=True, slots=True)
class Provenance:
    """A data set by all that it is known by.

    Attributes:
        name: of the data set.
        version: of its content.
        fingerprints: its own, and that of the set that it was made from, where it was repaired.
        content: digest of what its frames hold; empty where they were not read.
        seed: of a SynthWalk world, from which its people are drawn whatever they wear; None where nothing was drawn, or
            nothing says so any more.
        style: of a SynthWalk world; empty where there is none.
        world: what a SynthWalk world is called, such as ``embedded-2``; empty where there is none.
    """

    name: str
    version: str
    fingerprints: tuple[str, ...]
    content: str = ""
    seed: int | None = None
    style: str = ""
    world: str = ""


def provenance_of(split: Split) -> Provenance:
    """What a split and the manifests in its folder say of where it is from.

    Raises:
        DataError: a manifest is damaged.
    """
    prints = [split.fingerprint]
    seed, style, world = None, "", ""
    if split.root.is_dir():
        if (split.root / REPAIRED).is_file():
            source = _read(split, str(REPAIRED)).get("source")
            if isinstance(source, dict) and isinstance(source.get("fingerprint"), str):
                prints.append(source["fingerprint"])
        for manifest in (MANIFEST, RENDERED):
            if (split.root / manifest).is_file():
                stored = _read(split, str(manifest))
                parameters = stored.get("parameters")
                seed = stored["seed"] if type(stored.get("seed")) is int else None
                if isinstance(parameters, dict):
                    style, world = str(parameters.get("style", "street")), str(parameters.get("name", ""))
                break
    return Provenance(split.name, split.version, tuple(prints), split.content, seed, style, world)


def _read(split: Split, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.read_object(split.root / name, error=DataError, remedy="render or write the set again")
    return found
