"""What a stage's network begins with: initial values, ImageNet, a start of the suite or one's own, an earlier stage."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from methods.layers.resnet import load_imagenet
from methods.starts.load import load_start
from runners.errors import RunError
from runners.plan.plan_types import PlannedStage
from runners.progress import note


@dataclass(frozen=True)
class Taken:
    """What a network took over.

    Attributes:
        left_behind: modules of an earlier stage that this network has no place for.
        start: for the record, of a plain start: its name, and of weights in a file their digest and the entries of
            trunks that these do not have; None where an earlier stage is what it begins from.
    """

    left_behind: tuple[str, ...] = ()
    start: Mapping[str, Any] | None = None


def take_over(method: nn.Module, planned: PlannedStage, earlier: Mapping[str, Tensor] | None) -> Taken:
    """Give a network the weights that its stage begins with.

    Args:
        method: at its initial weights.
        planned: the stage.
        earlier: weights of the stage that it starts from; None for a plain start.

    Raises:
        RunError: the earlier stage lacks an entry, or has it in another shape.
        MethodError: plain starting weights are absent, damaged, or do not fit.
    """
    if planned.start is not None:
        assert earlier is not None  # the stage that it starts from is done
        return Taken(_from_stage(method, planned, earlier, planned.start.step.name))
    if planned.stage.start == "imagenet":
        load_imagenet(method)
    if planned.stage.start != "synthwalk":
        return Taken(start={"name": planned.stage.start})
    filled = load_start(method, planned.starts)
    if filled.card is None:
        note(f"{planned.run.text}: this network has no trunk that a start would fill, so it begins from scratch")
        return Taken(start={"name": "scratch"})
    return Taken(start={"name": filled.card.name, "sha256": filled.card.sha256, "fresh": list(filled.fresh)})


def _from_stage(
    method: nn.Module, planned: PlannedStage, earlier: Mapping[str, Tensor], name_there: str
) -> tuple[str, ...]:
    own = method.state_dict()
    sources = {name: source for name in own if (source := planned.stage.source_of(name)) is not None}
    missing = sorted(name for name, source in sources.items() if source not in earlier)
    unlike = sorted(n for n, source in sources.items() if source in earlier and own[n].shape != earlier[source].shape)
    if missing or unlike:
        name = (missing or unlike)[0]
        raise RunError(
            f"{planned.run.text}, stage {planned.stage.name}: {sources[name]} is "
            f"{'absent' if missing else 'of another shape'} in the weights of {name_there}; list the "
            "module under fresh in the recipe, or say under takes what it is called there."
        )
    method.load_state_dict({**own, **{name: earlier[source] for name, source in sources.items()}})
    return tuple(sorted({name.split(".")[0] for name in set(earlier) - set(sources.values())}))
