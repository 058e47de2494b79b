"""The parameters that decide every byte of a rendered world, and the presets."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args

from datasets.errors import DataError
from datasets.images import jpeg
from datasets.synthwalk.world import styles

VERSION = "2"  # pixels do not depend on AVX-512 any more (`elementary`)
"""Version of the renderer. Raise it with every change that alters a rendered byte."""

MAX_HEIGHT, MAX_WIDTH = 256, 128
MAX_FRAMES_OF_A_NAME = 999  # three digits stand in a MARS frame name
MAX_CAMERAS_OF_A_NAME = 9  # one digit stands in a MARS frame name
MAX_PERSON = 9999
RESERVED_FOR_START = range(900, 1000)
"""Seeds of worlds that starting weights are trained on (`python -m runners.start`), and that nothing is reported on."""

Half = Literal["train", "test"]
HALVES: tuple[Half, ...] = get_args(Half)


@dataclass(frozen=True, slots=True)
class World:
    """All parameters of a SynthWalk world. Two worlds that compare equal render to the same bytes.

    The defaults are SynthWalk 1, preset ``embedded-1``; the default world of the suite is the preset ``embedded``.
    Lengths are frames, shares and probabilities lie in [0, 1].

    Attributes:
        name: what the world is called, in its manifest, in records of it and in the name of its folder. The presets
            ``embedded`` and ``embedded-1`` are worlds called ``embedded-2`` and ``embedded``, so what is recorded of
            the two stays apart.
        version: of the renderer; only the current `VERSION` can be rendered.
        seed: of everything random. Seeds from 101 on served for tuning, those of `RESERVED_FOR_START` serve for
            starting weights; the default 1 never did.
        height, width: of a frame in pixels, up to 256 x 128.
        train_ids, test_ids: identities of the two halves (odd and even person numbers, as in MARS).
        distractors, junk: tracklets of the pseudo persons 0000 and 00-1 in the test half.
        cameras: how many there are.
        cameras_per_person: pairs (number of cameras, probability) of an identity.
        second_tracklet: probability that an identity has a further tracklet under a camera.
        train_tracklets, test_tracklets: exact number of tracklets of real persons in each half; None
            leaves it to `second_tracklet`.
        length_median, length_spread: median and log standard deviation of the tracklet length.
        length_min, length_max: where the lengths are clipped.
        shape: ``drawn`` from the parameters, or ``mars``: lengths and numbers of cameras follow the official tables of
            MARS (`mars_sizes`), and `length_...` and `cameras_per_person` do not count.
        motion_share: share of identities that have a twin in body, clothes, things carried and
            poses, and differ from it by the timing of their walk alone.
        lookalike_share: share of identities that wear the same outfit as one to three others.
        lookalike_largest: identities in the largest look-alike group.
        top_colours, bottom_colours: how many clothing colours there are in this world.
        occluded_share: probability that something passes in front of a tracklet.
        crowd_share: probability that another pedestrian walks behind the person.
        camera_spread: strength of the photometric differences between cameras; 1 is the default.
        style: where the world plays and how its cameras see it, a name out of `styles.STYLES`.
        train_cameras_per_person, train_length_median: of the training half, where it differs: many people seen briefly
            are learned from better than few people seen for long. None takes those of both halves.
        loose_boxes: log standard deviation by which a tracklet's boxes are too large; 0 is a detector that fits.
    """

    name: str = "embedded"
    version: str = VERSION
    seed: int = 1
    height: int = 64
    width: int = 32
    train_ids: int = 108
    test_ids: int = 100
    distractors: int = 30
    junk: int = 15
    cameras: int = 4
    cameras_per_person: tuple[tuple[int, float], ...] = ((2, 0.3), (3, 0.4), (4, 0.3))
    second_tracklet: float = 0.4
    train_tracklets: int | None = None
    test_tracklets: int | None = None
    length_median: float = 19.0
    length_spread: float = 0.75
    length_min: int = 3
    length_max: int = 80
    motion_share: float = 0.28
    lookalike_share: float = 0.4
    lookalike_largest: int = 4
    top_colours: int = 8
    bottom_colours: int = 6
    occluded_share: float = 0.48
    crowd_share: float = 0.1
    camera_spread: float = 1.0
    style: Literal["street", "hall"] = "street"
    shape: Literal["drawn", "mars"] = "drawn"
    train_cameras_per_person: tuple[tuple[int, float], ...] | None = None
    train_length_median: float | None = None
    loose_boxes: float = 0.0

    def cameras_of(self, half: Half) -> tuple[tuple[int, float], ...]:
        """Pairs (number of cameras, probability) of an identity of a half."""
        own = self.train_cameras_per_person if half == "train" else None
        return self.cameras_per_person if own is None else own

    def length_of(self, half: Half) -> float:
        """Median tracklet length of a half, in frames."""
        own = self.train_length_median if half == "train" else None
        return self.length_median if own is None else own

    def check(self) -> None:
        """Raise DataError with one sentence when a parameter is out of its range."""
        for problem in _problems(self):
            raise DataError(f"SynthWalk cannot render this world: {problem}.")


def _problems(world: World) -> list[str]:
    """What is wrong with the parameters, one sentence each without the full stop."""
    found: list[str] = []
    if world.version != VERSION:
        found.append(f"version {world.version!r} is not that of the installed renderer, {VERSION!r}")
    if world.style not in styles.STYLES:
        found.append(f"style is {world.style!r}, but there are: {', '.join(styles.STYLES)}")
    if world.shape not in ("drawn", "mars") or (world.shape == "mars" and world.cameras != 6):
        found.append(f"shape is {world.shape!r} with {world.cameras} cameras, but it is drawn, or mars with 6")
    if not 0 <= world.seed < 2**63:
        found.append(f"seed is {world.seed}, but a seed is a whole number from 0 to 2**63 - 1")
    if not (16 <= world.height <= MAX_HEIGHT and 8 <= world.width <= MAX_WIDTH):
        found.append(
            f"frames of {world.height} x {world.width} were asked for, but any size from 16 x 8 up to "
            f"{MAX_HEIGHT} x {MAX_WIDTH} can be drawn"
        )
    if min(world.train_ids, world.test_ids) < 1 or 2 * max(world.train_ids, world.test_ids) > MAX_PERSON:
        found.append(f"train_ids and test_ids must lie between 1 and {MAX_PERSON // 2}")
    if not 2 <= world.cameras <= MAX_CAMERAS_OF_A_NAME:
        found.append(f"cameras is {world.cameras}, but a MARS name holds 2 to {MAX_CAMERAS_OF_A_NAME}")
    shares = ("second_tracklet", "motion_share", "lookalike_share", "occluded_share", "crowd_share")
    found += [
        f"{name} is {getattr(world, name)}, but it is a share between 0 and 1"
        for name in shares
        if not 0.0 <= getattr(world, name) <= 1.0
    ]
    found += [problem for half in HALVES for problem in _problems_of_half(world, half)]
    if min(world.distractors, world.junk) < 0 or max(world.distractors, world.junk) > MAX_PERSON:
        found.append(f"distractors and junk must lie between 0 and {MAX_PERSON}")
    if not 0.0 <= world.loose_boxes <= 1.0:
        found.append(f"loose_boxes is {world.loose_boxes}, but boxes are loosened by 0 to 1")
    if world.style in styles.STYLES:
        dyes_of = styles.STYLES[world.style].dyes
        found += [
            f"{name} is {number}, but the style {world.style} has dyes for {least} to {len(dyes)}"
            for name, number, least, dyes in (
                ("top_colours", world.top_colours, 2, dyes_of.tops),
                ("bottom_colours", world.bottom_colours, 1, dyes_of.bottoms),
            )
            if not least <= number <= len(dyes)
        ]
    if world.lookalike_largest < 2:
        found.append("lookalike_largest is below 2, and one identity alone looks like nobody else")
    return found


def _problems_of_half(world: World, half: Half) -> list[str]:
    """What is wrong with the lengths and cameras of one half."""
    found: list[str] = []
    median = world.length_of(half)
    if not 1 <= world.length_min <= median <= world.length_max <= MAX_FRAMES_OF_A_NAME:
        found.append(
            f"lengths of the {half} half must satisfy 1 <= length_min <= length_median <= length_max <= "
            f"{MAX_FRAMES_OF_A_NAME}, but they are {world.length_min}, {median}, {world.length_max}"
        )
    numbers = world.cameras_of(half)
    if not numbers or abs(sum(p for _, p in numbers) - 1.0) > 1e-9:
        found.append(f"the probabilities of cameras_per_person of the {half} half must add up to 1")
    elif any(not 1 <= number <= world.cameras for number, _ in numbers):
        found.append(
            f"cameras_per_person of the {half} half asks for more than the {world.cameras} cameras that there are"
        )
    return found


_START = World(  # of training people, many and seen briefly; the test half is scored once, when a start is packed
    train_ids=2000,
    test_ids=100,
    distractors=0,
    junk=0,
    cameras=6,
    cameras_per_person=((3, 0.3), (4, 0.4), (5, 0.3)),
    second_tracklet=0.0,
    length_median=8.0,
    length_spread=0.3,
    length_min=4,
    length_max=16,
    motion_share=0.0,
    lookalike_share=0.3,
    occluded_share=0.5,
)

PRESETS: dict[str, World] = {
    "embedded": World(
        name="embedded-2",
        train_ids=600,
        test_ids=160,
        distractors=20,
        junk=8,
        cameras=5,
        cameras_per_person=((4, 0.8), (5, 0.2)),
        second_tracklet=0.0,
        length_median=8.0,
        length_spread=0.45,
        length_min=5,
        length_max=32,
        motion_share=0.1,
        lookalike_share=0.15,
        train_cameras_per_person=((2, 1.0),),
        occluded_share=0.5,
        crowd_share=0.2,
        camera_spread=0.8,
        loose_boxes=0.15,
    ),
    "embedded-1": World(),
    "tiny": World(
        name="tiny",
        train_ids=8,
        test_ids=10,
        distractors=3,
        junk=2,
        cameras=3,
        cameras_per_person=((2, 0.5), (3, 0.5)),
        length_median=9.0,
        length_spread=0.4,
        length_max=20,
    ),
    "mars-size": World(
        name="mars-size",
        train_ids=625,
        test_ids=634,
        distractors=3248,
        junk=870,
        cameras=6,
        train_tracklets=8298,
        test_tracklets=8062,
        shape="mars",
        # For layouts whose cameras are not those of MARS, which are drawn: much the same lengths.
        cameras_per_person=((2, 0.3), (3, 0.35), (4, 0.2), (5, 0.1), (6, 0.05)),
        length_median=34.0,
        length_spread=1.08,
        length_min=2,
        length_max=920,
    ),
    "attribute-source": World(
        name="attribute-source",
        seed=2,
        train_ids=360,
        test_ids=80,
        distractors=4,
        junk=0,
        cameras_per_person=((1, 0.5), (2, 0.5)),
        second_tracklet=0.0,
        length_median=4.0,
        length_spread=0.4,
        length_min=2,
        length_max=12,
        motion_share=0.0,
        lookalike_share=0.0,
        occluded_share=0.2,
        style="hall",
    ),
    "start-street": replace(_START, name="start-street", seed=901, style="street"),
    "start-hall": replace(_START, name="start-hall", seed=902, style="hall"),
}
"""Ready-made worlds: the default, SynthWalk 2; the default before it, SynthWalk 1; one of seconds for tests; one with
the counts of MARS; one in another style, of many different people seen briefly, from which attributes are learned that
are then transferred (its test half are the people held out); and two that starting weights are trained on."""


def preset(name: str, **changes: Any) -> World:
    """The preset of that name with some parameters changed.

    Raises:
        DataError: for an unknown preset or parameter.
    """
    if name not in PRESETS:
        raise DataError(f"SynthWalk has no preset {name!r}; there are: {', '.join(PRESETS)}.")
    unknown = sorted(set(changes) - set(World.__dataclass_fields__))
    if unknown:
        known = ", ".join(World.__dataclass_fields__)
        raise DataError(f"SynthWalk has no parameter {unknown[0]!r}; there are: {known}.")
    world = replace(PRESETS[name], **changes)
    world.check()
    return world


def encoder() -> str:
    """Name and version of the JPEG encoder, whose bytes differ from version to version."""
    return jpeg.library()


_ADDED_LATER = ("style", "shape", "train_cameras_per_person", "train_length_median", "loose_boxes")


def parameters(world: World) -> dict[str, Any]:
    """The world as plain JSON values.

    What came later is left out where it has its default, such as the style where it is the street: worlds that were
    rendered before there was a choice have the same bytes, and so they keep their manifest and their fingerprint.
    """
    values: dict[str, Any] = json.loads(json.dumps(asdict(world)))
    for field in fields(World):
        if field.name in _ADDED_LATER and getattr(world, field.name) == field.default:
            del values[field.name]
    return values


def fingerprint(world: World) -> str:
    """32 hexadecimal digits that change with every parameter, the renderer and the JPEG encoder."""
    decides = {"parameters": parameters(world), "encoder": encoder()}
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:32]
