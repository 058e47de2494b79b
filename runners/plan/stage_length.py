"""How long a stage lasts."""

from methods.cards.recipe import Length, Stage
from runners.errors import RunError


def length_of(stage: Stage) -> tuple[int, str]:
    """Amount and unit of a stage's length.

    Raises:
        RunError: the stage names no length.
    """
    length: Length = stage.length
    for unit in ("frames", "epochs", "steps"):
        if getattr(length, unit):
            return int(getattr(length, unit)), unit
    raise RunError(f"the stage {stage.name} has no length; give frames, epochs or steps in its recipe.")
