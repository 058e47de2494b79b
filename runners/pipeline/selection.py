"""Which arms and seeds a job runs, from what the user typed."""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import methods
from methods.arms import Arm
from methods.cards.card import SERVING, Card
from protocols.interface import Protocol
from protocols.vocabulary import UntrainedControl
from reports.schema.vocabulary import ORACLE, RAW
from runners.errors import RunError
from runners.plan.controls import controls_for
from runners.plan.data_names import parse_repairer
from runners.plan.plan_types import ArmRun

MAX_SEED = 2**31 - 1
MOST_SEEDS = 10_000
MOST_HEAD_SEEDS = 1000
LONGEST_SIDE = 2048
_SIZE = re.compile(r"(\d{1,4})x(\d{1,4})", re.ASCII)


def choose_arms(card: Card, wanted: Sequence[str]) -> list[Arm]:
    """Arms by name or text; none named are the card's default ones, ``all`` is every one.

    The baselines that claims of chosen arms are measured against are added, so that an arm never stands alone.

    Raises:
        RunError: none is named and none is a default, or one serves other arms and is not to be scored.
    """
    shown = [name for name, arm in card.arms.items() if arm.role not in SERVING]
    chosen = [name for name in card.default_arms() if name in shown]
    names = shown if list(wanted) == ["all"] else list(wanted) or chosen
    if not names:
        raise RunError(f"{card.file}: no arm is marked default = true; name some with --arms.")
    arms = {arm.text: arm for arm in (methods.arm(name, card) for name in names)}
    for claim in card.claims:
        if claim.arm in arms and claim.against in card.arms and claim.against not in arms and wanted:
            against = methods.arm(claim.against, card)
            if against.role == "baseline":
                arms[against.text] = against
    for arm in arms.values():
        if arm.role in SERVING:
            serves = "repairs data" if arm.role == "repairer" else "labels people with attributes"
            raise RunError(
                f"{arm.text} {serves} for other arms and is no arm to be scored; name one that learns from it."
            )
    order = {"baseline": 0, "proposed": 1, "ablation": 2}
    return sorted(arms.values(), key=lambda arm: order[arm.role])


def main_arms(card: Card) -> list[str]:
    """What a paper proposes and what it is measured against, of the arms that run by default."""
    chosen = [name for name in card.default_arms() if card.arms[name].role in ("proposed", "baseline")]
    return chosen or list(card.default_arms())


def choose_runs(
    arms: Sequence[Arm],
    controls: str | Sequence[str],
    repairers: Sequence[str] = (),
    untrained: Mapping[str, Sequence[UntrainedControl]] = MappingProxyType({}),
) -> list[ArmRun]:
    """Every arm, followed by those of its controls that are wanted, and by itself on repaired data.

    For each repairer an arm is trained and scored on {raw, repaired} x {raw, repaired}, the raw pair being the arm
    itself. An arm whose card says what it is trained or scored on is left at that.

    Args:
        arms: that are run.
        controls: as in `runners.plan.controls.controls_for`.
        repairers: as the user writes them.
        untrained: by the text of an arm, controls of it that train nothing.

    Raises:
        RunError: an unknown control.
    """
    runs = []
    for arm in arms:
        beside = (*controls_for(arm, controls), *untrained.get(arm.text, ()))
        runs += [ArmRun(arm, control) for control in (None, *beside)]
        if arm.train_on or arm.test_on:
            continue
        for repairer in repairers:
            pairs = ((RAW, repairer), (repairer, RAW), (repairer, repairer))
            runs += [ArmRun(arm, None, train_on, test_on) for train_on, test_on in pairs]
    return runs


def choose_label_sources(card: Card, runs: Sequence[ArmRun], default: bool) -> list[Arm]:
    """Labelling arms whose labels are held against the annotation.

    Args:
        card: the paper.
        runs: arms that are trained; whose labels they learn from are shown in any case.
        default: also show the card's label sources that are marked ``default``.
    """
    needed = {run.arm.attributes for run in runs}
    named = [
        name
        for name, arm in card.arms.items()
        if arm.role == "labeller" and (name in needed or (default and arm.default))
    ]
    return [methods.arm(name, card) for name in named]


def choose_repairers(card: Card, protocol: Protocol, wanted: Sequence[str] | None, synthetic: bool) -> list[str]:
    """Repairers whose data every arm is put on, in canonical spelling.

    Args:
        card: the paper.
        protocol: of the job.
        wanted: what the user asked for; None for the default: the oracle, where the protocol repairs, the truth is
            known and no arm of the card says for itself what it is trained on.
        synthetic: whether the data set has a truth.

    Raises:
        RunError: an unknown repairer, or repairers under a protocol that does not repair.
    """
    own = any(arm.train_on not in ("", RAW) or arm.test_on not in ("", RAW) for arm in card.arms.values())
    if wanted is None:
        return [ORACLE] if protocol.repairs and synthetic and not own else []
    if wanted and not protocol.repairs:
        raise RunError(
            f"--repairers belongs to a protocol that repairs, such as occlusion-repaired; {protocol.name} does not."
        )
    if list(wanted) == ["none"]:
        return []
    return list(dict.fromkeys(parse_repairer(one, card).text for one in wanted))


def choose_seeds(first: int, count: int) -> list[int]:
    """``count`` seeds from ``first`` on.

    Raises:
        RunError: a negative or huge seed, or none at all.
    """
    if count > MOST_SEEDS:
        raise RunError(f"--seeds {count}: expected the number of seeds, {MOST_SEEDS} at most.")
    if not 0 <= first <= MAX_SEED - count:
        raise RunError(f"--seed {first}: expected a whole number from 0 to {MAX_SEED - count}.")
    if count < 1:
        raise RunError(f"--seeds {count}: expected the number of seeds, 1 or more.")
    return list(range(first, first + count))


def choose_head_seeds(count: int) -> tuple[int, ...]:
    """Head seeds 0 to ``count`` - 1.

    Raises:
        RunError: none at all, or a huge number.
    """
    if not 1 <= count <= MOST_HEAD_SEEDS:
        raise RunError(f"--head-seeds {count}: expected the number of heads on each trunk, 1 to {MOST_HEAD_SEEDS}.")
    return tuple(range(count))


def parse_size(text: str) -> tuple[int, int]:
    """``64x32`` -> (64, 32), height first.

    Raises:
        RunError: anything else, or sides below 8: SynthWalk draws no smaller ones, and no trunk here takes them.
    """
    sides = _SIZE.fullmatch(text.lower())
    if sides is None or not 8 <= min(map(int, sides.groups())) <= max(map(int, sides.groups())) <= LONGEST_SIDE:
        raise RunError(
            f"--size {text}: expected height x width in pixels, each at least 8 and at most {LONGEST_SIDE}, such as "
            "64x32 or 256x128."
        )
    return int(sides[1]), int(sides[2])
