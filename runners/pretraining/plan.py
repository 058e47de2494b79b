"""What a start is trained on, how and for how long; its step, whose fingerprint is of all that decides the weights."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import datasets
import methods
from datasets import synthwalk
from datasets.synthwalk.presets import RESERVED_FOR_START, World
from datasets.tracklet import Split
from files.formats import toml
from methods.cards.recipe import Length, Recipe, Stage, read_recipe
from runners.errors import RunError
from runners.plan.code_digest import code_digest
from runners.plan.environment import Precision, choose_precision, runtime
from runners.plan.step_store import Step

RECIPE_FILE = Path(__file__).with_name("recipe.toml")
METHOD = "baseline"
KIND = "start"


@dataclass(frozen=True)
class StartRecipe:
    """The recipe of a start, as its file says.

    Attributes:
        worlds: presets that it is trained on.
        labels: what is learned.
        depths: depth of the ResNet -> frames seen in all.
        network: options of the baseline.
        recipe: size, precision, and one stage.
    """

    worlds: tuple[str, ...]
    labels: str
    depths: Mapping[int, int]
    network: Mapping[str, Any]
    recipe: Recipe

    @property
    def stage(self) -> Stage:
        """The only one."""
        return self.recipe.stages[0]


def read_start_recipe(file: Path = RECIPE_FILE) -> StartRecipe:
    """The recipe from its file.

    Raises:
        RunError, MethodError: something in it is wrong.
    """
    values = toml.read(file, error=RunError)
    recipe = read_recipe(values["recipe"], f"{file.name}: recipe")
    depths = {int(depth): int(frames) for depth, frames in values["depths"].items()}
    return StartRecipe(tuple(values["worlds"]), str(values["labels"]), depths, values["network"], recipe)


@dataclass(frozen=True)
class PlannedStart:
    """One start to be trained.

    Attributes:
        recipe: of it.
        depth: of the ResNet.
        frames: seen in all.
        seed: of the training.
        device: such as ``cpu``.
        precision: resolved.
        worlds: that it is trained on, two of one frame size.
        splits: the same, read from disk.
    """

    recipe: StartRecipe
    depth: int
    frames: int
    seed: int
    device: str
    precision: Precision
    worlds: tuple[World, ...]
    splits: tuple[Split, ...]

    @property
    def name(self) -> str:
        """Of the start: ``synthwalk-resnet50``."""
        return f"synthwalk-resnet{self.depth}"

    @property
    def stage(self) -> Stage:
        """With its length; milestones there are none."""
        return replace(self.recipe.stage, length=Length(frames=self.frames))

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.recipe.recipe.size[0], self.recipe.recipe.size[1]

    @property
    def identities(self) -> int:
        """Of all worlds together; a person of one is none of another."""
        return sum(split.num_train_ids for split in self.splits)

    @cached_property
    def step(self) -> Step:
        """Where the training is kept; started again with the same inputs it goes on there."""
        reader = datasets.reader_of(self.splits[0].name)
        inputs = {
            "depth": self.depth,
            "network": dict(self.recipe.network),
            "stage": dataclasses.asdict(self.stage),
            "size": list(self.size),
            "data": [split.fingerprint for split in self.splits],
            "seed": self.seed,
            "precision": self.precision,
            "runtime": runtime(self.device),
            "code": code_digest(KIND, arm=methods.paper(METHOD).folder, modules=(reader,)),
        }
        return Step(KIND, f"{self.name} seed {self.seed}", inputs)


def plan_start(
    depth: int, frames: int | None, seed: int, device: str, precision: str, data: Path, worlds: Sequence[World] = ()
) -> PlannedStart:
    """Render the worlds where they are not there yet, read them, and plan the training.

    Args:
        depth: of the ResNet, one that the recipe has a length for.
        frames: seen in all; None for the recipe's.
        seed: of the training.
        device: such as ``cpu``.
        precision: one of `runners.plan.environment.PRECISIONS`, or ``card`` for the recipe's.
        data: folder that the worlds lie in, or are rendered into.
        worlds: in place of the recipe's.

    Raises:
        RunError: an unknown depth, too few frames, or a world whose seed is not kept for starts.
        NotPossible: the device does not compute in these numbers.
        DataError: a folder holds something else.
    """
    recipe = read_start_recipe()
    if depth not in recipe.depths:
        known = ", ".join(map(str, recipe.depths))
        raise RunError(f"--depth {depth}: expected one of {known}, which {RECIPE_FILE.name} has a length for.")
    sampler = recipe.stage.sampler
    least = sampler.batch or sampler.ids * sampler.tracklets
    wanted = recipe.depths[depth] if frames is None else frames
    if wanted < least:
        raise RunError(f"--frames {wanted}: expected at least one batch, {least}.")
    worlds = tuple(worlds) or tuple(synthwalk.preset(name) for name in recipe.worlds)
    for world in worlds:
        if world.seed not in RESERVED_FOR_START:
            raise RunError(
                f"the world {world.name} has seed {world.seed}, and starts learn from seeds {RESERVED_FOR_START[0]} to "
                f"{RESERVED_FOR_START[-1]} alone, on which nothing is reported; give it one of these."
            )
    chosen = choose_precision(recipe.recipe.precision if precision == "card" else precision, device)
    splits = tuple(datasets.load("synthwalk", synthwalk.render(world, data / world.name)) for world in worlds)
    return PlannedStart(recipe, depth, wanted, seed, device, chosen, tuple(worlds), splits)
