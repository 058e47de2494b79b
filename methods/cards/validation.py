"""What must hold between the parts of a card, beyond each part's own types.

Every message names the card and the entry, so that whoever writes a card reads where to look.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from methods.errors import MethodError, unknown

from .card import ANNOTATED, CARD_FILE, ArmCard, Card, Claim
from .options import Choices
from .recipe import PROFILES

METRICS = ("mAP", "rank1", "rank5", "rank10", "rank20")
SIDES = ("I2V", "I2I", "V2V", "V2I")  # query and gallery as one image or as a video
VIDEOS = "V2V"
MASK_MEASURES = (
    "auc", "iou", "person", "bag", "background", "occluder",
    "person_density", "bag_density", "background_density", "occluder_density",
)  # fmt: skip
MASK_REFERENCES = ("untrained", "centre")
_NAME = re.compile(r"[a-z0-9]+([._-][a-z0-9]+)*")


def check(card: Card, choices_of: Callable[[ArmCard, Card], Choices]) -> Card:
    """Check a card's references and return it with every arm's options in their typed form.

    Args:
        card: as read.
        choices_of: gives what the method of an arm offers.

    Raises:
        MethodError: a name that points nowhere, a missing recipe, a number outside of its range.
    """
    where = f"{card.folder.name}/{CARD_FILE}"
    for name in (card.key, *card.arms):
        if not _NAME.fullmatch(name):
            raise MethodError(f"{where}: the name {name!r} must be lower case letters, digits and single - . _")
    arms = {name: _check_arm(name, arm, card, choices_of, where) for name, arm in card.arms.items()}
    for name, arm in arms.items():
        named = arm.attributes
        if named not in ("", ANNOTATED) and (named not in arms or arms[named].role != "labeller"):
            labellers = [ANNOTATED, *(other for other, one in arms.items() if one.role == "labeller")]
            raise MethodError(f"{where}: arms.{name}: attributes: {unknown('arm of role labeller', named, labellers)}")
    card = dataclasses.replace(card, arms=arms)
    if not card.default_arms():
        raise MethodError(f"{where}: no arm has default = true, so there is nothing to run")
    for name in card.arms:
        for profile in PROFILES:
            _no_circle(name, profile, card, where)
    _check_numbers("published", card.published, where)
    _check_numbers("context", card.context, where)
    for entry in card.published:
        if entry.arm not in card.arms:
            raise MethodError(f"{where}: published, {entry.source}: {unknown('arm', entry.arm, card.arms)}")
    _check_claims(card, where)
    return card


def arm_of_start(start: str, arms: Mapping[str, ArmCard]) -> str | None:
    """Name of the arm that a stage starts from, or None; a `MethodError` if the card has no such arm."""
    kind, _, text = start.partition(":")
    if kind != "arm":
        return None
    name = text.partition("[")[0]
    if name not in arms:
        raise unknown("arm", name, arms)
    return name


def _check_arm(
    name: str, arm: ArmCard, card: Card, choices_of: Callable[[ArmCard, Card], Choices], where: str
) -> ArmCard:
    place = f"{where}: arms.{name}"
    try:
        offered = choices_of(arm, card)
        settings = offered.resolve(arm.reading, arm.options)
    except MethodError as error:
        raise MethodError(f"{place}: {error}") from None
    for reading in arm.recipes:
        if reading not in offered.readings or reading == arm.reading:
            others = [other for other in offered.readings if other != arm.reading]
            raise MethodError(f"{place}: recipes: {unknown('other reading', reading, others)}")
    for profile, recipe in (
        (profile, recipe) for profile in PROFILES for recipe in (arm.recipe, *arm.recipes.values())
    ):
        known: Mapping[str, Any] = card.recipes[profile]
        if recipe not in known:
            raise MethodError(f"{place}: {unknown(f'{profile} recipe', recipe, known)}")
        for stage in known[recipe].stages:
            at = f"{where}: recipes.{profile}.{recipe}, stage {stage.name!r} (of arm {name!r})"
            for loss in (name for turn in stage.all_turns for name in turn.losses):
                if loss not in offered.losses:
                    raise MethodError(f"{at}: {unknown('loss', loss, offered.losses)}")
            try:
                arm_of_start(stage.start, card.arms)
            except MethodError as error:
                raise MethodError(f"{at}: start: {error}") from None
    return dataclasses.replace(arm, options={key: getattr(settings, key) for key in arm.options})


def _no_circle(name: str, profile: str, card: Card, where: str) -> None:
    """Follow ``start = "arm:..."`` from an arm; coming back to it would never end."""
    waiting, seen = [name], set()
    while waiting:
        arm = waiting.pop()
        seen.add(arm)
        for stage in card.recipe(card.arms[arm].recipe, profile).stages:
            start = arm_of_start(stage.start, card.arms)
            if start == name:
                raise MethodError(f"{where}: in recipes.{profile} the arm {name!r} starts, in the end, from itself")
            if start is not None and start not in seen:
                waiting.append(start)


def _check_numbers(section: str, entries: Iterable[Any], where: str) -> None:
    seen = set()
    for entry in entries:
        who = entry.arm if section == "published" else entry.method
        place = f"{where}: {section}, {who} on {entry.dataset}, {entry.source}"
        _check_metric(entry.metric, place)
        if not 0 <= entry.value <= 100:
            raise MethodError(f"{place}: {entry.metric} = {entry.value} is no percentage")
        mark = (who, entry.dataset, entry.metric, entry.source)
        if mark in seen:
            raise MethodError(f"{place}: {entry.metric} is given twice")
        seen.add(mark)


def _check_claims(card: Card, where: str) -> None:
    seen = set()
    for claim in card.claims:
        place = f"{where}: claim {claim.id!r}"
        if claim.id in seen:
            raise MethodError(f"{place}: this id is used twice")
        seen.add(claim.id)
        of_mask = claim.against in MASK_REFERENCES and claim.against not in card.arms
        for name in (claim.arm,) if of_mask else (claim.arm, claim.against):
            if name not in card.arms:
                raise MethodError(f"{place}: {unknown('arm', name, card.arms)}")
        _check_mechanism(claim, of_mask, place)
        if claim.within < 0:
            raise MethodError(f"{place}: within = {claim.within} is a number of points, 0 or more")
        if claim.arm == claim.against:
            raise MethodError(f"{place}: an arm cannot be measured against itself")
        if not of_mask:
            _check_metric(claim.metric, place)
        elif claim.metric.rpartition("/")[2] not in MASK_MEASURES or not claim.metric.rpartition("/")[0]:
            measures = [f"<map>/{measure}" for measure in MASK_MEASURES]
            raise MethodError(f"{place}: {unknown('measure of a mask', claim.metric, measures)}")


def _check_mechanism(claim: Claim, of_mask: bool, place: str) -> None:
    """What a gain comes from: of claims that there is one, each word once, and a video beside an image."""
    if not claim.mechanism:
        return
    if of_mask or claim.within:
        what = "where a network looks" if of_mask else "equality"
        raise MethodError(f"{place}: mechanism says what a gain comes from, and a claim about {what} claims none")
    if len(set(claim.mechanism)) < len(claim.mechanism):
        raise MethodError(f"{place}: mechanism = {list(claim.mechanism)} names something twice; name each once")
    side = claim.metric.rpartition("/")[0]
    if "video" in claim.mechanism and (not side or side == VIDEOS):
        sides = [one for one in SIDES if one != VIDEOS]
        raise MethodError(
            f"{place}: mechanism 'video' is about images that learn from videos, so the metric needs a side with an "
            f"image ({', '.join(sides)}), not {claim.metric}"
        )


def _check_metric(metric: str, place: str) -> None:
    """A metric, or a metric with the side it is taken on."""
    side, _, name = metric.rpartition("/")
    if name not in METRICS or (side and side not in SIDES):
        known = METRICS if not side else [f"{one}/{each}" for one in SIDES for each in METRICS]
        raise MethodError(f"{place}: {unknown('metric', metric, known)}")
