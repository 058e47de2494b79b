"""The training part of the evidence: each paper's main arm and its baseline, trained and scored on rendered SynthWalk.

Everything runs as in the main job, steps and all, in a folder of this process's own.
"""

import dataclasses
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import methods
import protocols
from datasets import synthwalk
from datasets.images import jpeg
from datasets.synthwalk.presets import World, preset
from datasets.synthwalk.renderer.frames import render_frames
from datasets.tracklet import Split
from methods.cards.card import Card
from methods.cards.recipe import Length, Recipe
from protocols.cost.cell import in_words
from runners.gpu_evidence.costs import TimedPart

MATRIX = (
    ("gltr", "baseline"), ("gltr", "gltr"), ("cosam", "r50-tp"), ("cosam", "cosam"), ("tkp", "baseline"),
    ("tkp", "tkp"), ("adfd", "a"), ("adfd", "adfd"), ("vrstc", "baseline"), ("vrstc", "nl"), ("baseline", "trinet"),
)  # fmt: skip
_QUICK_MATRIX = (("adfd", "adfd"),)
_LEFT = {
    "vrstc/vrstc": "its frames are painted by a generator that trains for 420 adversarial steps first; there is no "
    "time for that within nine minutes"
}
_SLACK = 1.2  # how much longer than the slowest arm so far the next one may take


def train_and_score(part: TimedPart) -> None:
    """Render, train, score; no arm is begun that would, by those before it, not end in time."""
    quick, device = part.extent.quick, part.extent.device
    matrix = _QUICK_MATRIX if quick else MATRIX
    part.found |= {"arms": [], "todo": [f"{paper}/{arm}" for paper, arm in matrix]}
    for name, reason in {} if quick else _LEFT.items():
        part.add("left_out", {"arm": name, "reason": reason})
    work = Path(tempfile.mkdtemp(prefix="reproid-evidence-"))  # whoever started this process removes it
    split, about = _render(_world(quick), work / "synthwalk")
    part.found["dataset"] = about
    slowest = 0.0
    for paper, name in matrix:
        full = f"{paper}/{name}"
        if _SLACK * slowest > part.left():
            reason = f"an arm took up to {slowest:.0f} s, and {max(part.left(), 0):.0f} s were left"
            part.add("left_out", {"arm": full, "reason": reason})
            continue
        began = time.monotonic()
        card = _shortened(methods.paper(paper)) if quick else methods.paper(paper)
        try:
            result = _result(card, name, split, work, device, about["size"])
        except Exception as error:  # whatever ails one arm must not cost the others
            part.add("left_out", {"arm": full, "reason": in_words(error)})
            continue
        slowest = max(slowest, time.monotonic() - began)
        part.add("arms", {"arm": full, "seconds": round(time.monotonic() - began, 2), **result})


def _world(quick: bool) -> World:
    if quick:
        return preset("tiny", seed=106, height=64, width=32, length_median=4.0, length_max=6)
    return preset("embedded", height=128, width=64)


def _render(world: World, root: Path) -> tuple[Split, dict[str, Any]]:
    """The world on disk, and what is to be known of it."""
    import datasets

    began = time.monotonic()
    synthwalk.render(world, root)
    split = datasets.load("synthwalk", root)
    taken = time.monotonic() - began
    counts = split.counts()
    frames = counts["train_frames"] + counts["test_frames"]
    return split, {
        "name": split.name,
        "world": world.name,
        "version": split.version,
        "fingerprint": split.fingerprint,
        "size": [world.height, world.width],
        "counts": counts,
        "renderer": "compiled by Numba" if hasattr(render_frames, "py_func") else "plain NumPy",
        "encoder": jpeg.library(),
        "seconds": round(taken, 2),
        "frames_per_s": round(frames / taken, 1),
    }


def _shortened(card: Card) -> Card:
    """The same recipes, two steps a stage: enough to see that everything runs."""

    def short(recipe: Recipe) -> Recipe:
        stages = (dataclasses.replace(stage, length=Length(steps=2), quick=None) for stage in recipe.stages)
        return dataclasses.replace(recipe, stages=tuple(stages))

    recipes = {
        profile: {name: short(recipe) for name, recipe in some.items()} for profile, some in card.recipes.items()
    }
    return dataclasses.replace(card, recipes=recipes)


def _result(card: Card, name: str, split: Split, work: Path, device: str, size: list[int]) -> dict[str, Any]:
    """Train and score one arm under its paper's protocol, as the main job does."""
    from runners.derived_data.annotations import find_annotation
    from runners.pipeline.configuration import config_of
    from runners.pipeline.job import Job
    from runners.plan.plan import with_attribute_groups
    from runners.plan.plan_types import ArmRun
    from runners.plan.step_store import StepStore, read_json

    annotation = find_annotation(split, None)
    config = config_of(card, split, device, size=(size[0], size[1]), annotation=annotation)
    protocol = protocols.load(card.constraints.protocol)
    steps = StepStore(work)
    job = Job(config, split, protocol, steps, work, f"make gpu-evidence ({card.key}/{name})", annotation)
    run = with_attribute_groups(ArmRun(methods.arm(name, card)), config)
    step, _ = job.scored(run, 0)
    found = read_json(steps.folder(step) / "result.json")
    return {
        "protocol": protocol.name,
        **{
            key: found[key] for key in ("seed", "size", "precision", "fed", "metrics", "intervals", "admission", "cost")
        },
        "stages": list(_rates(found["stages"])),
    }


def _rates(stages: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Stages with their frames per second; a stage that several arms start from stands with each of them."""
    for stage in stages:
        rate = stage["frames"] / stage["seconds"] if stage["seconds"] else None
        kept = {key: stage[key] for key in ("name", "fingerprint", "frames", "steps", "seconds", "final_loss", "from")}
        yield {**kept, "frames_per_s": rate}
