"""Arms as a user writes them: ``gltr``, ``gltr[tsa=off,branches=2]``, ``baseline/trinet``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from methods.cards.card import SERVING, ArmCard, Card, Role

from .errors import MethodError, unknown
from .registry import build, choices, method_folder, names, paper, papers

if TYPE_CHECKING:
    from torch import nn

_TEXT = re.compile(r"(?P<name>[^\[\]=,]+)(\[(?P<options>[^\[\]]*)\])?")


@dataclass(frozen=True, slots=True)
class Arm:
    """A method with one choice of options, ready to be trained and measured.

    Attributes:
        name: the arm's name in its card.
        text: the same with the user's overrides, in one canonical spelling; names the arm in records.
        label: for tables.
        paper: key of the card.
        method: key of the method that builds it.
        reading: ``"paper"`` or ``"released"``.
        options: overrides of the reading's options, card's and user's together, typed.
        role: see `methods.cards.card.ArmCard`.
        temporal: see `methods.cards.card.ArmCard`.
        attention: see `methods.cards.card.ArmCard`.
        recipe: name of its recipe in the card.
        train_on: see `methods.cards.card.ArmCard`.
        test_on: see `methods.cards.card.ArmCard`.
        attributes: see `methods.cards.card.ArmCard`.
        folder: where its method lives on this machine; not part of the arm's identity.
    """

    name: str
    text: str
    label: str
    paper: str
    method: str
    reading: str
    options: Mapping[str, Any]
    role: Role
    temporal: bool
    attention: bool
    recipe: str
    train_on: str
    test_on: str
    attributes: str
    folder: Path

    def settings(self) -> dict[str, Any]:
        """Every option with its value, as plain values; what decides the network, together with the code."""
        options = choices(self.folder).resolve(self.reading, self.options)
        values = {field.name: getattr(options, field.name) for field in fields(options)}
        return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}

    def with_groups(self, groups: tuple[int, ...]) -> Arm:
        """The same arm, its network built for that many attributes in each group; itself if it learns none."""
        if "groups" not in self.settings():
            return self
        return replace(self, options={**self.options, "groups": groups})

    def build(self, num_ids: int, frame_size: tuple[int, int] = (256, 128)) -> nn.Module:
        """The network with its initial weights (torch's generator); see `methods.create`."""
        return build(self.folder, num_ids, choices(self.folder).resolve(self.reading, self.options), frame_size)


def arm(text: str, card: Card | str | Path | None = None) -> Arm:
    """Parse an arm.

    Args:
        text: ``name``, ``paper/name``, each with optional ``[key=value,...]``. Keys are the method's options,
            and ``reading``. Switches are on or off, lists are written 1-2-4.
        card: the paper (card, name or folder) whose arms ``name`` may be. Without one, a paper's own arm is
            tried first and then the arms of all papers.

    Raises:
        MethodError: text that is no arm, an unknown or ambiguous name, an unknown option or value.

    Example:
        >>> arm("gltr[branches=2, tsa=off]").text
        'gltr[branches=2,tsa=off]'
    """
    match = _TEXT.fullmatch(text.strip())
    if match is None:
        raise MethodError(f"{text!r} is no arm; write a name, or a name with options like gltr[tsa=off,branches=2]")
    found, name = _find(match["name"].strip(), card)
    entry = found.arms[name]
    given = _options(match["options"] or "", text)
    return _make(name, entry, found, given, f"arm {text!r}")


def _find(name: str, card: Card | str | Path | None) -> tuple[Card, str]:
    """The card and the arm's name in it."""
    home, _, last = name.rpartition("/")
    if home:
        card, name = paper(home), last
    if card is not None:
        card = card if isinstance(card, Card) else paper(card)
        if name not in card.arms:
            raise unknown(f"arm of {card.key}", name, card.arms)
        return card, name
    if name in names():
        own = paper(name)
        if name in own.arms:
            return own, name
    everyone = papers()
    owners = [key for key, each in everyone.items() if name in each.arms]
    if not owners:
        raise unknown("arm", name, sorted({arm for each in everyone.values() for arm in each.arms}))
    if len(owners) > 1:
        raise MethodError(f"arm {name!r} exists in {', '.join(owners)}; write {owners[0]}/{name}")
    return everyone[owners[0]], name


def _options(text: str, whole: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for part in re.split(r",(?![^(]*\))", text) if text.strip() else []:
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not (key and equals and value):
            raise MethodError(f"{whole!r}: {part.strip()!r} is no option; write key=value")
        if key in given:
            raise MethodError(f"{whole!r}: the option {key!r} is given twice")
        given[key] = value
    return given


def _make(name: str, entry: ArmCard, card: Card, given: dict[str, str], where: str) -> Arm:
    reading = given.pop("reading", entry.reading)
    folder = method_folder(entry, card)
    offered = choices(folder)
    try:
        own = offered.resolve(entry.reading, entry.options)
        before = offered.resolve(reading, entry.options)
        after = offered.resolve(reading, {**entry.options, **given})
    except MethodError as error:
        others = [other for other, each in card.arms.items() if each.reading == reading]
        named = f"; arms of {card.key} with that reading: {', '.join(others)}" if others else ""
        raise MethodError(f"{where}: {error}{named if reading not in offered.readings else ''}") from None
    recipe = entry.recipe
    if reading != entry.reading or _differing(own, after, offered.deciding):
        recipe = _recipe(name, entry, card, reading, after, where)
    order = [field.name for field in fields(after)]
    changed = {key: getattr(after, key) for key in order if getattr(after, key) != getattr(before, key)}
    changed = {key: value for key, value in changed.items() if key in given}
    spelled = [f"{key}={spell(value)}" for key, value in changed.items()]
    if reading != entry.reading:
        spelled.insert(0, f"reading={reading}")
    suffix = f"[{','.join(spelled)}]" if spelled else ""
    return Arm(
        name=name,
        text=name + suffix,
        label=f"{entry.label} {suffix}".strip(),
        paper=card.key,
        method=entry.method,
        reading=reading,
        options={**entry.options, **changed},
        role=entry.role if not spelled or entry.role in SERVING else "ablation",
        temporal=entry.temporal,
        attention=entry.attention,
        recipe=recipe,
        train_on=entry.train_on,
        test_on=entry.test_on,
        attributes=entry.attributes,
        folder=folder,
    )


def _recipe(name: str, entry: ArmCard, card: Card, reading: str, options: Any, where: str) -> str:
    """The recipe of an arm whose reading, or an option that recipes depend on, is not that of its card.

    The one that the arm itself names for that reading, if an arm of the card with these deciding options takes it;
    otherwise that of the nearest such arm, counted in options that differ. Nothing is guessed: where the card has none,
    or two that are as near, it is refused.

    Raises:
        MethodError: the card has no recipe for that; the message names the arms that have one.
    """
    offered = choices(method_folder(entry, card))
    named = entry.recipe if reading == entry.reading else entry.recipes.get(reading, "")
    if not named and entry.recipe == entry.reading and all(reading in recipes for recipes in card.recipes.values()):
        named = reading
    alike = {
        other: offered.resolve(each.reading, each.options)
        for other, each in card.arms.items()
        if (each.method, each.reading) == (entry.method, reading)
    }
    everything = [field.name for field in fields(options)]
    if not offered.deciding:
        if named:
            return named
        known = ", ".join(alike) or "no arm of the card has it"
        raise MethodError(
            f"{where}: {card.key}'s card has no recipe of {name!r} for reading={reading}; arms with that reading: "
            f"{known}"
        )
    near = {
        arm: len(_differing(each, options, everything))
        for arm, each in alike.items()
        if not _differing(each, options, offered.deciding)
    }
    if named in {card.arms[arm].recipe for arm in near}:
        return named
    nearest = {card.arms[arm].recipe for arm in near if near[arm] == min(near.values())}
    if len(nearest) == 1:
        return nearest.pop()
    asked = ", ".join(f"{key}={spell(getattr(options, key))}" for key in offered.deciding)
    known = ", ".join(near if near else alike) or "none"
    raise MethodError(
        f"{where}: recipes depend on {', '.join(offered.deciding)}, and {card.key}'s card has "
        f"{'several' if near else 'none'} for reading={reading}, {asked}; take one of its arms with that reading: "
        f"{known}"
    )


def _differing(one: Any, other: Any, names: Iterable[str]) -> list[str]:
    return [name for name in names if getattr(one, name) != getattr(other, name)]


def spell(value: Any) -> str:
    """An option's value as it is written in an arm's text; `methods.cards.schema.convert` reads it back."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return "-".join(map(str, value)) if isinstance(value, tuple) else str(value)
