"""From a person's description to colours and patterns: what `cloth.paint` draws on the parts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from datasets.synthwalk.renderer import materials as m
from datasets.synthwalk.world import people, styles
from datasets.synthwalk.world.people import Appearance
from datasets.synthwalk.world.skeleton import Bones
from datasets.synthwalk.world.styles import RenderingStyle

Floats = NDArray[np.float64]


def build_palette(look: Appearance, style: RenderingStyle) -> Floats:
    """Colours of all materials of a person [materials, 3] in 0..1, in the dyes of a style."""
    outfit, d, dyes = look.outfit, look.details, style.dyes
    skin = np.array(dyes.skins[d.skin])
    bag = np.array(dyes.bags[d.bag_colour])
    shoe = np.array(dyes.shoes[outfit.shoes])
    rows = {
        m.M_SKIN: skin,
        m.M_HAIR: dyes.hairs[d.hair_colour],
        m.M_TOP: np.array(dyes.tops[outfit.top_colour][1]) * outfit.top_shade,
        m.M_SECOND: dyes.tops[outfit.second_colour][1],
        m.M_BOTTOM: np.array(dyes.bottoms[outfit.bottom_colour][1]) * outfit.bottom_shade,
        m.M_SHOE: shoe,
        m.M_SOLE: (186, 184, 178) if shoe.mean() < 120 and outfit.shoes != 2 else (58, 52, 48),
        m.M_BAG: bag,
        m.M_TRIM: bag * 0.72,
        m.M_HAT: dyes.bags[d.hat_colour],
        m.M_LOGO: dyes.logos[d.logo_colour],
        m.M_INK: (34, 30, 30),
        m.M_BELT: (44, 38, 34),
        m.M_LIPS: skin * np.array((0.78, 0.58, 0.58)),
        m.M_EYE: (38, 32, 30),
    }
    palette = np.array([rows[index] for index in range(len(m.MATERIALS))], dtype=np.float64) / 255.0
    return styles.faded(palette, style.saturation)


def build_dress(look: Appearance, bones: Bones) -> m.Dress:
    """Cut, pattern, logo and head of a person as numbers for the painter."""
    outfit, d = look.outfit, look.details
    fold = {"t-shirt": 0.06, "shirt": 0.08, "jacket": 0.10, "hoodie": 0.09, "coat": 0.09}
    return m.Dress(
        stripes=float(people.PATTERN_KINDS.index(outfit.pattern)),
        period=outfit.pattern_period,
        hem={"shirt": 0.02, "t-shirt": 0.0, "coat": -1.0}.get(outfit.top, -0.03) * look.build.height / 1.7,
        trunk=bones.trunk,
        collar={"t-shirt": 0.32, "shirt": 0.22, "hoodie": 0.12}.get(outfit.top, 0.3),
        open=0.30 if outfit.top == "jacket" else (0.2 if outfit.top == "coat" else 0.0),
        zip=1.0 if outfit.top in ("hoodie", "shirt") else 0.0,
        logo=float(people.LOGO_KINDS.index(d.logo)),
        logo_side=-1.0 if d.logo_back else 1.0,
        logo_height=bones.trunk * 0.66,
        logo_across=d.logo_across,
        logo_size=d.logo_size,
        straps=1.0 if d.backpack else (2.0 if d.shoulder_bag else 0.0),
        cuff=0.16 if outfit.top in ("jacket", "hoodie") else 0.0,
        hairline=2.0 if d.hair == "bald" else 0.68,
        sides=-2.0 if d.hair == "bald" else (0.30 if d.hair in ("long", "bun") else 0.12),
        beard=float(d.beard),
        glasses=float(d.glasses),
        fold=fold[outfit.top],
        fold_a=outfit.fold_a,
        fold_b=outfit.fold_b,
    )
