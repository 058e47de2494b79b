"""Rendering styles: where a world plays and how its cameras see it, never who lives in it.

A style decides the place, the light, the cameras and what a colour's name looks like once dyed and filmed. People,
clothes, attributes, gait and the kinds of truth are the same in every style, and so is who wears what for a given seed:
a recogniser of attributes that is trained in one style and asked in another meets a change of domain and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from datasets.synthwalk.world import people
from datasets.synthwalk.world.people import Colour

Floats = NDArray[np.float64]
Named = tuple[tuple[str, Colour], ...]
Odds = tuple[tuple[str, float], ...]
Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Dyes:
    """Colours, 0 to 255 a channel, in the order of their codes; every style names the same colours.

    Attributes:
        tops, bottoms: of clothes, with the names that the attributes use.
        skins, hairs, bags, shoes, logos: of everything else.
    """

    tops: Named = people.TOPS
    bottoms: Named = people.BOTTOMS
    skins: tuple[Colour, ...] = people.SKINS
    hairs: tuple[Colour, ...] = people.HAIRS
    bags: tuple[Colour, ...] = people.BAGS
    shoes: tuple[Colour, ...] = people.SHOE_COLOURS
    logos: tuple[Colour, ...] = people.LOGOS


@dataclass(frozen=True, slots=True)
class RenderingStyle:
    """Numbers of a style; the defaults are those of the street. Pairs of numbers are lowest and highest.

    Attributes:
        dyes: what the names of colours look like.
        near, beyond: people walk between these distances from the camera, in metres.
        distance: for which the scene is drawn sharp enough; aim: where the cameras point; both in metres.
        height: of the cameras above the ground, in metres.
        view: height and width of the scene in tangents.
        wall: distance of the wall behind `beyond`, in metres.
        margin: height of a detected box over the person's own; foot_room: share of the box below the feet.
        gain, gamma, cast: of the sensor, before the differences between cameras; cast is one factor a channel.
        black, white: to which the tone curve takes darkness and full light, of 1.
        saturation: of what the sensor records; 1 keeps it, 0 is grey.
        blur: standard deviation as a share of the frame's height; noise: of 1.
        quality: of the JPEG encoder: the lowest that a camera may have, both inclusive, and how far it varies.
        light_side, light_front: how far the light comes from the side and from the camera; light_up: from above.
        diffuse: strength of the directed light; ambient: of the rest, a - b * diffuse.
        level: brightness that the scene's exposure aims at; evenness: how much of the slow changes of brightness the
            tone mapping takes out; haze: how much of the contrast of the wall the air takes.
        furniture: what stands between people and the wall, with its odds; pieces: how many, highest exclusive.
        in_front: what passes in front of people, with its odds.
    """

    dyes: Dyes = Dyes()
    near: float = 6.0
    beyond: float = 12.5
    distance: float = 9.0
    aim: float = 9.5
    height: Span = (1.9, 4.4)
    view: Span = (0.86, 1.55)
    wall: Span = (2.5, 6.0)
    margin: float = 1.06
    foot_room: float = 0.035
    gain: float = 1.0
    gamma: float = 1.0
    cast: Colour = (1.0, 1.0, 1.0)
    black: float = 0.0
    white: float = 1.0
    saturation: float = 1.0
    blur: Span = (0.003, 0.009)
    noise: Span = (0.006, 0.02)
    quality: tuple[int, int, int] = (52, 79, 12)
    light_side: float = 1.0
    light_front: float = 0.8
    light_up: Span = (0.5, 1.0)
    diffuse: Span = (0.35, 0.6)
    ambient: Span = (0.98, 0.62)
    level: float = 0.50
    evenness: float = 0.97
    haze: float = 0.7
    furniture: Odds = (
        ("trunk", 0.19), ("pole", 0.14), ("bush", 0.18), ("car", 0.13), ("bin", 0.07), ("sign", 0.07),
        ("planter", 0.12), ("fence", 0.10),
    )  # fmt: skip
    pieces: tuple[int, int] = (9, 15)
    in_front: Odds = (
        ("pole", 0.17), ("sign", 0.08), ("trunk", 0.11), ("bush", 0.12), ("bin", 0.10), ("fence", 0.11), ("car", 0.06),
        ("planter", 0.08), ("pedestrian", 0.17),
    )  # fmt: skip


_HALL_DYES: Final = Dyes(
    tops=(
        ("black", (58, 52, 50)), ("gray", (148, 142, 130)), ("white", (246, 238, 220)),
        ("blue", (70, 112, 178)), ("red", (196, 66, 62)), ("green", (46, 122, 92)),
        ("yellow", (228, 204, 92)), ("purple", (138, 76, 132)),
    ),
    bottoms=(
        ("black", (52, 50, 56)), ("blue", (92, 122, 168)), ("gray", (142, 138, 130)), ("brown", (124, 82, 54)),
        ("green", (98, 116, 66)), ("white", (222, 214, 196)),
    ),
    bags=((58, 52, 50), (132, 90, 58), (62, 92, 122), (150, 56, 70), (112, 112, 84)),
    shoes=((52, 46, 44), (214, 208, 198), (128, 88, 60)),
    logos=((236, 228, 206), (48, 42, 40), (206, 166, 70)),
)  # fmt: skip

DEFAULT: Final = "street"
STYLES: Final[dict[str, RenderingStyle]] = {
    "street": RenderingStyle(),
    "hall": RenderingStyle(
        dyes=_HALL_DYES,
        near=4.8,
        beyond=10.5,
        distance=7.5,
        aim=7.6,
        height=(3.4, 5.0),
        view=(1.06, 1.7),
        wall=(2.2, 3.6),
        margin=1.12,
        foot_room=0.05,
        gain=1.06,
        gamma=0.88,
        cast=(1.05, 1.0, 0.88),
        black=0.07,
        white=0.95,
        saturation=0.82,
        blur=(0.005, 0.010),
        noise=(0.016, 0.028),
        quality=(80, 90, 6),
        light_side=0.12,
        light_front=0.3,
        light_up=(1.0, 1.0),
        diffuse=(0.2, 0.32),
        ambient=(0.98, 0.25),
        level=0.60,
        evenness=0.85,
        haze=0.25,
        furniture=(
            ("column", 0.16), ("board", 0.17), ("bench", 0.16), ("kiosk", 0.12), ("rack", 0.14), ("planter", 0.13),
            ("bin", 0.06), ("barrier", 0.06),
        ),
        pieces=(7, 12),
        in_front=(
            ("column", 0.14), ("board", 0.13), ("bench", 0.09), ("kiosk", 0.07), ("rack", 0.12), ("planter", 0.10),
            ("barrier", 0.10), ("trolley", 0.08), ("pedestrian", 0.17),
        ),
    ),
}  # fmt: skip
"""What a world's ``style`` may be."""


def faded(colours: Floats, saturation: float) -> Floats:
    """Colours [..., 3] as a sensor of that saturation records them; exactly themselves at 1."""
    return (1.0 - saturation) * colours.mean(axis=-1, keepdims=True) + saturation * colours
