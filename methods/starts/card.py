"""The card of starting weights: what they were trained on and how, what they have seen, what 8 bits cost.

A card is a TOML file beside its weights, under the same name: ``synthwalk-resnet50.toml`` beside
``synthwalk-resnet50.safetensors``. Those of the suite stand in this folder and are found by themselves; any other is
named by its path. Reading a card needs no torch.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from files.formats import toml

from ..cards.schema import fill
from ..errors import MethodError

FORMAT = 1
"""Of cards and of weights (`methods.starts.quantise`); raised when either changes."""
HOME = Path(__file__).resolve().parent
WEIGHTS, CARD = ".safetensors", ".toml"
NO_SEED = -1
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


@dataclass(frozen=True, slots=True)
class SeenData:
    """Data that a start has learned from.

    Attributes:
        name: of the data set.
        fingerprint: of the data set as it was read, 32 hexadecimal digits.
        version: of the data set.
        content: digest of what its frames held, where it was taken.
        seed: of a SynthWalk world, from which its people are drawn whatever they wear; -1 where nothing was drawn.
        style: of a SynthWalk world.
    """

    name: str
    fingerprint: str
    version: str = ""
    content: str = ""
    seed: int = NO_SEED
    style: str = ""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What the trunk's mean over frames reaches on people of a world whom it did not learn; scored once.

    Attributes:
        world: its name.
        people, queries: how many.
        mAP: in percent, at the precision it was trained in.
        mAP_8_bits: the same from the stored weights.
    """

    world: str
    people: int
    queries: int
    mAP: float
    mAP_8_bits: float


@dataclass(frozen=True, slots=True)
class Training:
    """How the weights were made.

    Attributes:
        frames: seen in all, with repetition.
        identities, tracklets, images: of the training halves together.
        labels: what was learned.
        size: (height, width) in pixels.
        seed: of the training.
        precision: that it computed in.
        initial: where the initial weights came from.
        final_loss: mean of the last part of the curve.
        recipe: the stage, as plain values.
        runtime: versions and threads that bits depend on, as far as they were recorded.
    """

    frames: int
    identities: int
    tracklets: int
    images: int
    labels: str
    size: tuple[int, ...]
    seed: int
    precision: str
    initial: str
    final_loss: float
    recipe: Mapping[str, Any]
    runtime: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StartCard:
    """Starting weights for trunks of one depth.

    Attributes:
        name: stands in tables and records.
        format: see `FORMAT`.
        depth: of the ResNet.
        sha256: of the weights' file.
        bytes: of the weights' file.
        has_seen: all data that it learned from; a protocol refuses to score it on any of them.
        training: how it was made.
        held_out: what it reaches on people it did not learn.
        largest_error, mean_error: see `methods.starts.quantise.QuantisationError`.
        note: anything a reader must know.
        path: the card's file; not part of it.
    """

    name: str
    format: int
    depth: int
    sha256: str
    bytes: int
    has_seen: tuple[SeenData, ...]
    training: Training
    largest_error: float
    mean_error: float
    held_out: tuple[HeldOut, ...] = ()
    note: str = ""
    path: str = ""

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise MethodError(f"format is {self.format}, but this version reads {FORMAT}; pack the start again")
        check_name(self.name)
        if not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            raise MethodError("sha256 must be 64 hexadecimal digits")
        if not self.has_seen:
            raise MethodError("has_seen is empty; a start has learned from some data, and names all of them")

    @property
    def weights(self) -> Path:
        """The file of the weights, beside the card."""
        return Path(self.path).with_suffix(WEIGHTS)

    def as_text(self) -> str:
        """The card as TOML."""
        values = {key: value for key, value in asdict(self).items() if key != "path"}
        return toml.dumps(values)


def check_name(name: str) -> None:
    """Whether a start may be called so.

    Raises:
        MethodError: it may not.
    """
    if not _NAME.fullmatch(name):
        raise MethodError(f"a start is not called {name!r}: expected up to 64 small letters, digits and dashes")


def read_card(path: Path) -> StartCard:
    """A card from its file, strictly.

    Raises:
        MethodError: it is absent or no card; file and place are named.
    """
    values = toml.read(path, error=MethodError, remedy="write it with `python -m runners.start pack`")
    if "path" in values:
        raise MethodError(f"{path}: path is no part of a card; leave it out")
    return fill(StartCard, {**values, "path": str(path)}, str(path))


def card_of_file(file: Path) -> StartCard:
    """The card of weights that a user names by their file, or by their card's.

    Raises:
        MethodError: it is no such file, or its card is not beside it.
    """
    if file.suffix not in (WEIGHTS, CARD):
        raise MethodError(f"{file}: expected weights of a start ({WEIGHTS}) with their card ({CARD}) beside them")
    return read_card(file.with_suffix(CARD))


def shipped() -> dict[int, StartCard]:
    """Depth -> the start of the suite for trunks of that depth; those whose cards stand in this folder.

    Raises:
        MethodError: a card is wrong, is not called like its file, or two are of one depth.
    """
    found: dict[int, StartCard] = {}
    for path in sorted(HOME.glob(f"*{CARD}")):
        card = read_card(path)
        if card.name != path.stem:
            raise MethodError(f"{path}: the card is of {card.name!r}; a card is called like its start")
        if card.depth in found:
            raise MethodError(f"{path} and {found[card.depth].path} are both of depth {card.depth}; remove one")
        found[card.depth] = card
    return found


def start_of_depth(depth: int, starts: Mapping[int, StartCard]) -> StartCard:
    """The start for trunks of a depth.

    Raises:
        MethodError: there is none.
    """
    if depth not in starts:
        known = ", ".join(f"{card.name} (depth {card.depth})" for card in starts.values()) or "none"
        raise MethodError(
            f"there is no start for trunks of depth {depth}; known: {known}. Take --pretrained none or imagenet, or "
            "name one of your own with --start FILE"
        )
    return starts[depth]
