"""Which attributes are known: of the data of a job, and of the other data from which labelling arms learn."""

from dataclasses import dataclass, replace
from pathlib import Path

import datasets
from datasets import attributes
from datasets.attributes import Annotation, rap
from datasets.synthwalk.truth import read_json
from datasets.tracklet import Split
from runners.derived_data.load import folder_name
from runners.errors import RunError
from runners.plan.plan_types import Annotated
from runners.progress import note

WORLD = "attribute-source"


@dataclass(frozen=True)
class AnnotatedSplit:
    """A data set with its attributes.

    Attributes:
        split: the data.
        annotation: their attributes.
        name: for tables, where one data set can be another's source; that of the split if not given.
    """

    split: Split
    annotation: Annotation
    name: str = ""

    def planned(self, named: bool = False) -> Annotated:
        """As a plan needs it; ``named`` by the user, or what stands there by default."""
        return Annotated(
            self.split.fingerprint,
            self.annotation.name,
            self.annotation.fingerprint,
            self.annotation.groups,
            datasets.reader_of(self.split.name),
            named,
        )


def find_annotation(split: Split, file: str | None) -> Annotation | None:
    """The attributes of a data set's people.

    Args:
        split: the data set.
        file: what the user named, or None for those that the data set brings along.

    Returns:
        None where nothing was named and the data set brings none.

    Raises:
        DataError: the file cannot be read, or is of other data.
    """
    if file is None:
        return attributes.own(split)
    found = attributes.load(file)
    met = found.require_join((*split.train, *split.test), whole=False)
    note(f"attributes: {found.name} knows {met.joined:,} of {met.tracklets:,} tracklets; {met.unused:,} rows unused")
    for sentence in found.notices:
        note(f"attributes: {sentence}")
    return found


def find_source(folder: str | None, size: tuple[int, int], synthetic: bool) -> AnnotatedSplit | None:
    """Data with annotated attributes from which labelling arms learn.

    Args:
        folder: a RAP folder or a rendered SynthWalk; None for the world that is rendered for SynthWalk.
        size: (height, width) that the world is rendered at.
        synthetic: whether the job's data are SynthWalk, whose source is rendered where none was named.

    Returns:
        None where nothing was named and nothing is rendered.

    Raises:
        RunError: the folder is neither.
        DataError: what lies there is damaged.
    """
    if folder is None:
        if not synthetic:
            return None
        folder = str(_rendered(size))
    root = Path(folder)
    if rap.is_here(root):
        split, annotation = rap.load_source(root)
        return AnnotatedSplit(split, annotation, annotation.name)
    if not (root / "truth" / "manifest.json").is_file():
        raise RunError(
            f"--source {folder}: expected a RAP folder (RAP_annotation, RAP_dataset) or a rendered SynthWalk."
        )
    split = datasets.load("synthwalk", root)
    found = attributes.own(split)
    assert found is not None  # it has its truth, as was seen above
    told = read_json(root, "manifest").get("parameters")
    world = told if isinstance(told, dict) else {}
    about = f"style {world.get('style', 'street')}, seed {world.get('seed', 'unknown')}"
    return AnnotatedSplit(split, found, f"SynthWalk ({about})")


def named_by_user(split: Split, annotation: Annotation | None, file: str | None, folder: str | None) -> tuple[str, ...]:
    """Which of ``annotation`` and ``source`` stand there because the user named them.

    Args:
        split: the data set.
        annotation: from `find_annotation`.
        file: what it was asked for; a file that says what the data set's own annotation says is no other one.
        folder: what `find_source` was asked for.

    Raises:
        DataError: the annotation that the data set brings along is damaged.
    """
    own = attributes.own(split) if file is not None else None
    other = annotation is not None and file is not None and (own is None or own.fingerprint != annotation.fingerprint)
    return (*(("annotation",) if other else ()), *(("source",) if folder is not None else ()))


def _rendered(size: tuple[int, int]) -> Path:
    from datasets import synthwalk
    from datasets.synthwalk.presets import PRESETS

    world = replace(PRESETS[WORLD], height=size[0], width=size[1])
    folder = Path("data") / folder_name(world)
    if not folder.exists():
        note(f"rendering another world, with other people and in another style, into {folder}")
    return synthwalk.render(world, folder)
