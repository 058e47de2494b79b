"""A small paper outside of the repository, as a researcher would write one."""

from pathlib import Path

import pytest

CARD = """
[paper]
key = "tiny"
title = "A tiny method"
authors = ["A. Nonymous"]
venue = "Nowhere"
year = 2026

[conventions.official]
gallery = "full"
ap = "trapezoid"

[arms.tiny]
label = "Tiny"
options = { width = "4" }
role = "proposed"
default = true
summary = "one convolution"

[arms.wide]
label = "Wide"
options = { width = 8 }
recipe = "late"

[arms.baseline]
label = "Baseline"
method = "baseline"
options = { depth = 18 }
role = "baseline"
recipe = "images"

[[published]]
arm = "tiny"
dataset = "mars"
metric = "mAP"
value = 50.5
source = "Table 1"
convention = "official"

[[published]]
arm = "baseline"
dataset = "mars"
values = { mAP = 40.0, rank1 = 60.0 }
source = "Table 1"
convention = { metric = "cosine" }

[[claims]]
id = "better"
text = "Tiny beats the baseline."
arm = "tiny"
against = "baseline"
metric = "mAP"
source = "Table 1"
published = [{ dataset = "mars", margin = 10.5 }]
"""

STAGE = """
[recipes.{profile}.{name}]
size = [64, 32]
[[recipes.{profile}.{name}.stages]]
name = "one"
start = "{start}"
data = "frames"
sampler = {{ kind = "shuffled", batch = 8 }}
losses = {{ cross_entropy = 1.0 }}
optimizer = {{ kind = "sgd", lr = 0.1 }}
length = {{ epochs = 2 }}
"""

OPTIONS = '''
"""Options of the tiny method."""
from dataclasses import dataclass

LOSSES = ("cross_entropy",)
READINGS = {"paper": {}, "released": {"width": 6}}


@dataclass(frozen=True)
class Options:
    width: int = 2
    bias: bool = True
    names: tuple[int, ...] = (1, 2)
'''

MODEL = '''
"""The tiny method."""
from torch import nn

from .parts import frame_network
from .options import Options


class Tiny(nn.Module):
    def __init__(self, num_ids, options):
        super().__init__()
        self.descriptor_dim = options.width
        self.frames = frame_network(options.width, options.bias)
        self.classifier = nn.Linear(options.width, num_ids)

    def forward(self, clips, mask):
        return (self.frames(clips.flatten(0, 1)).mean((2, 3)).unflatten(0, mask.shape) * mask[..., None]).sum(1)

    def losses(self, clips, mask, labels, wanted):
        return {"cross_entropy": nn.functional.cross_entropy(self.classifier(self(clips, mask)), labels)}


def build(num_ids, options: Options, frame_size):
    return Tiny(num_ids, options)
'''

PARTS = """
from torch import nn


def frame_network(width, bias):
    return nn.Conv2d(3, width, 3, bias=bias)
"""


def card_text() -> str:
    """The whole card, with its recipes."""
    recipes = ""
    for profile in ("embedded", "paper"):
        recipes += STAGE.format(profile=profile, name="paper", start="arm:baseline")
        recipes += STAGE.format(profile=profile, name="released", start="scratch")
        recipes += STAGE.format(profile=profile, name="late", start="arm:tiny")
        recipes += STAGE.format(profile=profile, name="images", start="scratch")
    return CARD + recipes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A complete paper's folder under a path of its own."""
    home = tmp_path / "my-tiny-paper"
    home.mkdir()
    (home / "paper.toml").write_text(card_text())
    (home / "options.py").write_text(OPTIONS)
    (home / "model.py").write_text(MODEL)
    (home / "parts.py").write_text(PARTS)
    return home
