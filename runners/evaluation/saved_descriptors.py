"""What the job leaves of an arm's descriptors in its judge step, so that anybody can score them again.

``descriptors.descriptors`` holds what the headline numbers were made from; under a protocol with images,
``image.descriptors`` holds the single frames beside it.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runners.evaluation.descriptor_set import HEADLINE, IMAGE, Tracklets, read, write
from runners.evaluation.encode import EncodedTestSet
from runners.plan.step_store import read_json

SCRATCH = "clips"  # folder of a judge step, where descriptors of clips gather until all are there
_TOLD = (
    "paper", "arm", "label", "control", "of", "seed", "profile", "budget", "size", "precision", "protocol", "dataset",
    "fed",
)  # fmt: skip


def keep(folder: Path, encoded: EncodedTestSet, tracklets: Tracklets, result: Mapping[str, Any]) -> None:
    """Write an arm's descriptors beside its record.

    Args:
        folder: of the judge step, in the making.
        encoded: all test tracklets.
        tracklets: who they are.
        result: the record; its fingerprint is that of the sets.
    """
    about = {name: result[name] for name in _TOLD if name in result}
    write(folder / HEADLINE, encoded.video, tracklets, about | {"of_what": "video"}, result["fingerprint"])
    if encoded.image is not None:
        write(folder / IMAGE, encoded.image, tracklets, about | {"of_what": "image"}, result["fingerprint"])


def drop_scratch(folder: Path) -> None:
    """Remove what gathered in a step on the way to its descriptors."""
    shutil.rmtree(folder / SCRATCH, ignore_errors=True)


def encoded_of(folder: Path) -> EncodedTestSet:
    """The descriptors of a finished result as they were scored, mapped, not loaded.

    What is not kept is not there: other means over clips, and other choices of a protocol.

    Raises:
        RunError: they are damaged, or not those of the result beside them.
    """
    result = read_json(folder / "result.json")
    own = result["fingerprint"]
    image = read(folder / IMAGE, fingerprint=own).features if (folder / IMAGE).is_dir() else None
    encoders: dict[str, str] = {}
    for side, named in (result.get("sides") or {}).items():
        encoders |= {side[0]: named["query"], side[-1]: named["gallery"]}
    video = read(folder / HEADLINE, fingerprint=own).features
    return EncodedTestSet(video, {}, image, result["fed"], encoders)
