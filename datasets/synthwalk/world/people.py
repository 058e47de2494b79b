"""What a person looks like: body, outfit, and the things that tell look-alikes apart."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from datasets.synthwalk import exact_math
from datasets.synthwalk.world.gait import BASE_CADENCE, Style, Tempo

Colour = tuple[float, float, float]

TOPS: Final[tuple[tuple[str, Colour], ...]] = (
    ("black", (34, 34, 39)), ("gray", (124, 125, 128)), ("white", (222, 220, 214)),
    ("blue", (44, 66, 124)), ("red", (150, 44, 46)), ("green", (66, 96, 62)),
    ("yellow", (196, 158, 66)), ("purple", (92, 62, 116)),
)  # fmt: skip
BOTTOMS: Final[tuple[tuple[str, Colour], ...]] = (
    ("black", (34, 34, 39)), ("blue", (56, 74, 112)), ("gray", (104, 104, 107)), ("brown", (142, 118, 86)),
    ("green", (74, 80, 62)), ("white", (180, 176, 168)),
)  # fmt: skip
SKINS: Final[tuple[Colour, ...]] = ((214, 170, 146), (196, 148, 120), (158, 112, 86), (104, 72, 56))
HAIRS: Final[tuple[Colour, ...]] = ((30, 26, 25), (58, 42, 32), (98, 74, 50), (134, 130, 126))
BAGS: Final[tuple[Colour, ...]] = ((40, 40, 46), (92, 70, 52), (66, 78, 96), (112, 52, 50), (84, 88, 72))
SHOE_COLOURS: Final[tuple[Colour, ...]] = ((34, 33, 34), (172, 170, 166), (92, 70, 54))
LOGOS: Final[tuple[Colour, ...]] = ((206, 204, 196), (30, 30, 34), (168, 134, 58))

SHADES: Final = 0.25
"""Spread of the brightness of cloths of one colour."""

TOP_KINDS: Final = ("t-shirt", "shirt", "jacket", "hoodie", "coat")
BOTTOM_KINDS: Final = ("trousers", "shorts", "skirt")
HAIR_KINDS: Final = ("short", "long", "tail", "bun", "bald")
LOGO_KINDS: Final = ("none", "disc", "bar", "cross", "ring", "triangle")
PATTERN_KINDS: Final = ("plain", "stripes", "upright stripes", "panel", "checks")


@dataclass(frozen=True, slots=True)
class Outfit:
    """Clothes: what the members of a look-alike group share."""

    top: str = "t-shirt"
    top_colour: int = 0  # of TOPS
    second_colour: int = 1  # of TOPS: inside of a jacket, stripes
    pattern: str = "plain"
    pattern_period: float = 0.09
    bottom: str = "trousers"
    bottom_colour: int = 0  # of BOTTOMS
    shoes: int = 0  # of SHOE_COLOURS
    top_shade: float = 1.0  # how much lighter or darker this cloth is than its colour's name
    bottom_shade: float = 1.0
    fold_a: float = 0.0  # where in the table of folds this cloth was cut
    fold_b: float = 0.0


@dataclass(frozen=True, slots=True)
class Build:
    """The body. Height in metres, the others proportions around 1."""

    height: float = 1.72
    girth: float = 1.0
    legs: float = 1.0
    shoulders: float = 1.0
    head: float = 1.0
    woman: bool = False
    age: int = 2  # 0 young, 1 teenager, 2 adult, 3 old, as in MARS-Attribute


@dataclass(frozen=True, slots=True)
class Details:
    """Head and things carried."""

    skin: int = 0
    hair: str = "short"
    hair_colour: int = 0
    beard: bool = False
    glasses: bool = False
    hat: bool = False
    backpack: bool = False
    shoulder_bag: bool = False
    hand_bag: bool = False
    bag_colour: int = 0
    hat_colour: int = 0  # of BAGS
    logo: str = "none"
    logo_back: bool = False
    logo_colour: int = 0
    logo_across: float = 0.0
    logo_size: float = 0.07


@dataclass(frozen=True, slots=True)
class Appearance:
    """All that one picture can show of a person, poses aside."""

    build: Build
    outfit: Outfit
    details: Details


def _pick(rng: np.random.Generator, options: tuple[str, ...], odds: tuple[float, ...]) -> str:
    return options[int(rng.choice(len(options), p=odds))]


def draw_outfit(rng: np.random.Generator, top_colours: int, bottom_colours: int) -> Outfit:
    """An outfit in the few colours of the world."""
    top = _pick(rng, TOP_KINDS, (0.27, 0.27, 0.2, 0.16, 0.1))
    odds = exact_math.power(0.8, np.arange(top_colours))
    colour, other = rng.choice(top_colours, size=2, replace=False, p=odds / odds.sum())
    return Outfit(
        top=top,
        top_colour=int(colour),
        second_colour=int(other),
        pattern=_pick(rng, PATTERN_KINDS, (0.66, 0.12, 0.06, 0.08, 0.08)),
        pattern_period=float(rng.uniform(0.07, 0.14)),
        bottom=_pick(rng, BOTTOM_KINDS, (0.78, 0.12, 0.10)),
        bottom_colour=int(rng.integers(bottom_colours)),
        shoes=int(rng.integers(len(SHOE_COLOURS))),
        top_shade=float(exact_math.exp(rng.normal(0.0, SHADES))),
        bottom_shade=float(exact_math.exp(rng.normal(0.0, SHADES))),
        fold_a=float(rng.uniform(0, 128)),
        fold_b=float(rng.uniform(0, 128)),
    )


def draw_build(rng: np.random.Generator, skirt: bool) -> Build:
    """A body; skirts are worn by women here, as in the annotations of MARS."""
    woman = skirt or bool(rng.random() < 0.45)
    height = rng.normal(1.63, 0.06) if woman else rng.normal(1.75, 0.07)
    return Build(
        height=float(np.clip(height, 1.48, 1.95)),
        girth=float(np.clip(exact_math.exp(rng.normal(0.08, 0.17)), 0.8, 1.55)),
        legs=float(np.clip(rng.normal(1.0, 0.045), 0.9, 1.1)),
        shoulders=float(np.clip(rng.normal(0.92 if woman else 1.06, 0.07), 0.78, 1.25)),
        head=float(np.clip(rng.normal(1.0, 0.05), 0.9, 1.12)),
        woman=woman,
        age=int(rng.choice(4, p=(0.15, 0.2, 0.5, 0.15))),
    )


def draw_details(rng: np.random.Generator, build: Build) -> Details:
    """Head, logo and things carried."""
    hair = (0.25, 0.4, 0.2, 0.15, 0.0) if build.woman else (0.8, 0.05, 0.03, 0.0, 0.12)
    carried = rng.choice(4, p=(0.46, 0.24, 0.15, 0.15))
    return Details(
        skin=int(rng.choice(4, p=(0.4, 0.3, 0.18, 0.12))),
        hair=_pick(rng, HAIR_KINDS, hair),
        hair_colour=3 if build.age == 3 else int(rng.integers(3)),
        beard=not build.woman and bool(rng.random() < 0.25),
        glasses=bool(rng.random() < 0.2),
        hat=bool(rng.random() < 0.16),
        backpack=bool(carried == 1),
        shoulder_bag=bool(carried == 2),
        hand_bag=bool(carried == 3),
        bag_colour=int(rng.integers(len(BAGS))),
        hat_colour=int(rng.integers(len(BAGS))),
        logo=_pick(rng, LOGO_KINDS, (0.55, 0.1, 0.1, 0.08, 0.08, 0.09)),
        logo_back=bool(rng.random() < 0.4),
        logo_colour=int(rng.integers(len(LOGOS))),
        logo_across=float(rng.choice((-0.35, 0.0, 0.0, 0.35))),
        logo_size=float(rng.uniform(0.06, 0.12)),
    )


def draw_style(rng: np.random.Generator, build: Build) -> Style:
    """A set of poses."""
    hand = rng.choice(4, p=(0.62, 0.14, 0.12, 0.12))  # both free, one in the pocket, phone, arms folded up
    arms = np.clip(rng.normal(0.42, 0.15, size=2), 0.12, 0.85)
    elbows = np.clip(rng.normal(0.35, 0.2, size=2), 0.05, 1.1)
    if hand == 1:
        arms[int(rng.integers(2))] = 0.04
    elif hand == 2:
        side = int(rng.integers(2))
        arms[side], elbows[side] = 0.05, 1.95
    elif hand == 3:
        arms *= 0.5
        elbows[:] = rng.uniform(1.2, 1.6)
    return Style(
        hip=float(np.clip(rng.normal(0.40 if build.age != 3 else 0.32, 0.05), 0.26, 0.54)),
        knee=float(np.clip(rng.normal(0.98, 0.12), 0.65, 1.25)),
        arm_left=float(arms[0]),
        arm_right=float(arms[1]),
        elbow_left=float(elbows[0]),
        elbow_right=float(elbows[1]),
        twist=float(rng.uniform(0.03, 0.25)),
        lean=float(np.clip(rng.normal(0.04, 0.05), -0.06, 0.18)),
        stoop=float(np.clip(rng.normal(0.10, 0.12), -0.1, 0.5)),
        sway=float(rng.uniform(0.0, 0.07)),
        limp=float(rng.uniform(0.25, 0.5)) if rng.random() < 0.12 else 0.0,
    )


def draw_tempo(rng: np.random.Generator) -> Tempo:
    """A pace for somebody who has no motion-only twin."""
    return Tempo(cadence=BASE_CADENCE * float(rng.uniform(0.75, 1.25)), halting=float(rng.uniform(0.0, 0.15)))


def draw_twin_tempos(rng: np.random.Generator) -> tuple[Tempo, Tempo]:
    """Two paces that only time tells apart: slow and quick, or even and halting."""
    if rng.random() < 0.8:  # 18 to 20 frames a cycle against 8 to 9
        slow, quick = rng.uniform(0.60, 0.68), rng.uniform(1.34, 1.48)
        return Tempo(BASE_CADENCE * float(slow)), Tempo(BASE_CADENCE * float(quick))
    cadence = BASE_CADENCE * float(rng.uniform(0.85, 1.15))
    halting = Tempo(cadence, halting=float(rng.uniform(0.82, 0.9)), rhythm=float(rng.uniform(7.0, 10.0)))
    return Tempo(cadence), halting


def differ(one: Appearance, other: Appearance) -> bool:
    """Whether a picture can tell two look-alikes apart: by build, hair, a logo or something carried."""
    a, b = one.details, other.details
    builds = abs(one.build.girth - other.build.girth) > 0.22 or abs(one.build.height - other.build.height) > 0.12
    carried = replace(a, skin=0, hair_colour=0, glasses=False, logo_size=0.0) != replace(
        b, skin=0, hair_colour=0, glasses=False, logo_size=0.0
    )
    return builds or carried
