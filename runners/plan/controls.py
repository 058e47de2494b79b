"""Which controls stand beside an arm: those that tell where its gain comes from, and those that train nothing."""

from collections.abc import Sequence

from methods.arms import Arm
from methods.cards.card import Card
from protocols.vocabulary import CONTROLS, ORACLES, UNTRAINED_CONTROLS, Control, UntrainedControl
from reports.schema.vocabulary import RAW
from runners.errors import NotPossible, RunError

CHOICES = ("none", "default", "all")
"""What may stand for controls, in place of their names."""

ON_REQUEST: tuple[UntrainedControl, ...] = ("true-masks-and-things", "true-mask-pooling")
"""Left out by default: a pass of the trunk for a second answer to a question that `true-masks` answers."""


def controls_for(arm: Arm, wanted: str | Sequence[str]) -> tuple[Control, ...]:
    """Controls of causes that apply to an arm: all to one that claims to use time, uniform weights to any that attends.

    Args:
        arm: whose.
        wanted: ``all`` that apply; ``default``: all for the proposed arm, and shuffled time for others that claim to
            use time; ``none``; or those of these names that apply.

    Raises:
        RunError: an unknown word.
    """
    words = _words(wanted)
    if words == ("none",):
        return ()
    if words == ("default",) and arm.role != "proposed":
        return ("shuffled",) if arm.temporal else ()
    names = named_controls(words)
    applying = (c for c in CONTROLS if (arm.attention if c == "uniform" else arm.temporal))
    return tuple(c for c in applying if not names or c in names)


def named_controls(wanted: str | Sequence[str]) -> tuple[str, ...]:
    """Controls that were asked for by name; none where a word stands for them.

    Args:
        wanted: one of `CHOICES`, alone, or names.

    Raises:
        RunError: an unknown word, or one of `CHOICES` among names.
    """
    words = _words(wanted)
    if len(words) == 1 and words[0] in CHOICES:
        return ()
    known = (*CONTROLS, *UNTRAINED_CONTROLS)
    for word in words or ("",):
        if word not in known:
            raise RunError(
                f"--controls {' '.join(words)}: expected {', '.join(CHOICES)}, or names out of {', '.join(known)}."
            )
    return words


def untrained_controls(
    card: Card, arms: Sequence[Arm], wanted: str | Sequence[str], truth: bool
) -> dict[str, tuple[UntrainedControl, ...]]:
    """Controls that train nothing, by the text of the arm that they stand beside.

    Oracles and shuffled labels belong to what the paper's claims are measured against: the baselines among the arms
    that some claim of another of these arms names; where no claim does, the first baseline.

    Args:
        card: the paper.
        arms: that are run.
        wanted: as in `controls_for`; ``all`` are all that there are, ``default`` those that are not
            `ON_REQUEST`.
        truth: whether the truth of the data is known; without it there are no oracles.

    Raises:
        RunError: an unknown word, or some were named and no baseline is run.
        NotPossible: oracles were named, and nothing is known of the data.
    """
    names, words = named_controls(wanted), _words(wanted)
    left_out: tuple[UntrainedControl, ...] = ()
    if len(words) == 1:
        left_out = {"none": UNTRAINED_CONTROLS, "default": ON_REQUEST}.get(words[0], ())
    chosen = tuple(c for c in UNTRAINED_CONTROLS if c not in left_out and (not names or c in names))
    if not truth:
        oracles = [c for c in chosen if c in ORACLES]
        if names and oracles:
            raise NotPossible(
                f"--controls {' '.join(oracles)}: an oracle knows the truth of its data, and only SynthWalk has any; "
                "leave it out, or take --dataset synthwalk."
            )
        chosen = tuple(c for c in chosen if c not in ORACLES)
    owners = _measured_against(card, arms)
    if names and chosen and not owners:
        raise RunError(
            f"--controls {' '.join(chosen)}: these stand beside an arm that claims are measured against, and no "
            f"baseline of {card.key} is run; name one with --arms."
        )
    return {arm.text: chosen for arm in owners if chosen}


def _measured_against(card: Card, arms: Sequence[Arm]) -> list[Arm]:
    there = {arm.text for arm in arms}
    named = {claim.against for claim in card.claims if claim.arm in there}
    baselines = [arm for arm in arms if arm.role == "baseline" and arm.test_on in ("", RAW)]
    return [arm for arm in baselines if arm.text in named] or baselines[:1]


def _words(wanted: str | Sequence[str]) -> tuple[str, ...]:
    return (wanted,) if isinstance(wanted, str) else tuple(wanted)
