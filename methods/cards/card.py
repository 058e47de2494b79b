"""A paper's card: what it published, what it claims, which arms it has and how they are trained.

The card is the file ``paper.toml`` in the paper's folder. Numbers with a source live there and not in code.
Reading a card needs no torch, so that listing papers is instant.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from files.formats import toml
from methods.errors import MethodError, unknown

from .recipe import PROFILES, Recipe, read_recipe
from .schema import convert, fill

CARD_FILE = "paper.toml"

Role = Literal["baseline", "proposed", "ablation", "repairer", "labeller"]
Mechanism = Literal["frame-weights", "masks", "motion", "video", "repair", "attributes"]
ANNOTATED = "annotated"
SERVING: tuple[Role, ...] = ("repairer", "labeller")
"""Roles of arms that work for others and are never judged themselves."""


@dataclass(frozen=True, slots=True)
class Citation:
    """Who wrote it and where; ``key`` is the folder's name."""

    key: str
    title: str
    authors: tuple[str, ...]
    venue: str
    year: int
    pages: str = ""
    arxiv: str = ""
    code: str = ""  # the authors' repository, "owner/name" at a commit where known
    code_licence: str = ""


@dataclass(frozen=True, slots=True)
class Constraints:
    """What the paper says about itself; protocols check the network and do not believe this table.

    ``protocol`` is the one under which its arms are judged when none is asked for, the closest to its own test.
    """

    backbone: str = "resnet50"
    rgb_only: bool = True
    single_pass: bool = True
    protocol: str = "res50-rgb-single-pass"


@dataclass(frozen=True, slots=True)
class ArmCard:
    """One thing that is trained and measured.

    Attributes:
        label: as it stands in tables.
        method: folder that builds it; another paper's arm (the baseline) names that paper.
        reading: ``"paper"`` or ``"released"``, a key of the method's READINGS.
        options: overrides of the reading's options, already of their fields' types.
        role: ``baseline`` arms are what claims are measured against; a ``repairer`` paints data for other arms, a
            ``labeller`` tells them the attributes of people, and neither is a row of a table itself.
        default: trained when no arms are asked for.
        temporal: claims to use time, so the shuffled and the per-frame controls apply to it.
        attention: weighs frames by learned attention, so the uniform control applies.
        recipe: name of its recipe in every profile; by default that of its reading.
        recipes: reading -> name of the recipe that it takes when that reading is asked for in place of its own. An arm
            whose recipe bears its reading's name takes the one of the other reading's name where none stands here.
        train_on: the data that it learns from: ``raw``, or a repairer (``oracle``, ``drop[tau=0.9]``, an arm of that
            role). Empty: that of the job, which is raw unless told otherwise.
        test_on: the same for the data that it is judged on.
        attributes: what tells it the attributes that it learns: ``annotated``, or an arm of role ``labeller``. Empty:
            what the job says.
        summary: one sentence for ``--list``.
    """

    label: str
    method: str
    reading: str = "paper"
    options: Mapping[str, Any] = field(default_factory=dict)
    role: Role = "ablation"
    default: bool = False
    temporal: bool = False
    attention: bool = False
    recipe: str = ""
    recipes: Mapping[str, str] = field(default_factory=dict)
    train_on: str = ""
    test_on: str = ""
    attributes: str = ""
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Convention:
    """How a published number was obtained; ``unknown`` where the source does not say."""

    gallery: Literal["full", "without-junk", "without-queries", "unknown"] = "unknown"
    ap: Literal["step", "trapezoid", "unknown"] = "unknown"
    empty: Literal["skip", "zero", "unknown"] = "unknown"
    metric: Literal["euclidean", "cosine", "unknown"] = "unknown"
    normalise: Literal["yes", "no", "unknown"] = "unknown"
    test_frames: str = "unknown"


@dataclass(frozen=True, slots=True)
class Published:
    """One published number, in percent, of an arm of this card."""

    arm: str
    dataset: str
    metric: str
    value: float
    source: str
    convention: Convention = Convention()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    """One published number of something that is no arm here but is printed beside these arms."""

    method: str
    dataset: str
    metric: str
    value: float
    source: str
    convention: Convention = Convention()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Margin:
    """Published difference, arm minus what it is measured against, in points of percent."""

    dataset: str
    margin: float


@dataclass(frozen=True, slots=True)
class Claim:
    """One falsifiable statement: ``arm`` beats ``against`` on ``metric`` under ``protocol``.

    Attributes:
        against: another arm; for a claim about where a network looks, ``untrained`` or ``centre`` (see metric).
        metric: such as ``rank1``; with a side, ``I2V/rank1``, where image and video networks meet; or a measure of
            a mask, ``<map>/<measure>`` such as ``cosam5/auc``, which only data with known truth can judge.
        protocol: the card's own where it is not given.
        within: for the claim that two arms are equal: the difference, in points, that still counts as none. 0: ``arm``
            is claimed to be better.
        temporal: the arm must beat its controls too.
        published: margins; none for what a paper only shows.
        mechanism: what the gain is said to come from, one word or a list; a perfect version of it shows how much there
            is to gain on data whose truth is known. Not of claims about equality or about where a network looks.
    """

    id: str
    text: str
    arm: str
    against: str
    source: str
    metric: str = "rank1"
    protocol: str = ""
    temporal: bool = False
    within: float = 0.0
    published: tuple[Margin, ...] = ()
    mechanism: tuple[Mechanism, ...] = ()


@dataclass(frozen=True, slots=True)
class Card:
    """All of a ``paper.toml``, checked (see `methods.cards.validation`)."""

    folder: Path
    paper: Citation
    constraints: Constraints
    arms: Mapping[str, ArmCard]
    published: tuple[Published, ...]
    context: tuple[Context, ...]
    claims: tuple[Claim, ...]
    recipes: Mapping[str, Mapping[str, Recipe]]  # profile -> name -> recipe

    @property
    def key(self) -> str:
        """The paper's short name."""
        return self.paper.key

    @property
    def file(self) -> Path:
        """Where the card was read."""
        return self.folder / CARD_FILE

    def default_arms(self) -> tuple[str, ...]:
        """Names of the arms that run when none are asked for, in the card's order."""
        return tuple(name for name, arm in self.arms.items() if arm.default)

    def claim(self, claim_id: str) -> Claim:
        """The claim of that id; a `MethodError` with near matches if there is none."""
        found = {claim.id: claim for claim in self.claims}
        if claim_id not in found:
            raise unknown(f"claim of {self.key}", claim_id, found)
        return found[claim_id]

    def recipe(self, name: str, profile: str) -> Recipe:
        """The recipe of that name for a profile; a `MethodError` with near matches if there is none."""
        if profile not in self.recipes:
            raise unknown(f"profile of {self.key}", profile, self.recipes)
        if name not in self.recipes[profile]:
            raise unknown(f"{profile} recipe of {self.key}", name, self.recipes[profile])
        return self.recipes[profile][name]

    def as_dict(self) -> dict[str, Any]:
        """The card as plain values, ready for ``json.dumps``, without any path of this machine."""
        values = dataclasses.asdict(dataclasses.replace(self, folder=Path()))
        del values["folder"]
        return _plain(values)


def read_card(folder: Path) -> Card:
    """Read ``folder/paper.toml`` strictly.

    Args:
        folder: a paper's folder.

    Raises:
        MethodError: no such file, no TOML, an unknown or missing key, a value of a wrong type. References
            between parts of the card are checked by `methods.cards.validation.check`.
    """
    path = folder / CARD_FILE
    where = f"{folder.name}/{CARD_FILE}"
    if not path.is_file():
        raise MethodError(f"{path}: no such file; a paper's folder holds a card of this name")
    table = toml.read(path, error=MethodError, remedy="correct that line")
    known = ("paper", "constraints", "conventions", "arms", "published", "context", "claims", "recipes")
    for key in table:
        if key not in known:
            raise MethodError(f"{where}: {unknown('section', key, known)}")
    for key in ("paper", "arms", "recipes"):
        if not isinstance(table.get(key), dict) or not table[key]:
            raise MethodError(f"{where}: the section [{key}] is missing or empty")
    paper = fill(Citation, table["paper"], f"{where}: paper")
    conventions = {
        name: fill(Convention, values, f"{where}: conventions.{name}")
        for name, values in _section(table, "conventions", where).items()
    }
    constraints = fill(Constraints, table.get("constraints", {}), f"{where}: constraints")
    claims = (fill(Claim, values, f"{where}: claims[{i}]") for i, values in enumerate(_entries(table, "claims", where)))
    return Card(
        folder=folder,
        paper=paper,
        constraints=constraints,
        arms={name: _arm(name, values, paper.key, where) for name, values in table["arms"].items()},
        published=_numbers(Published, table, "published", conventions, where),
        context=_numbers(Context, table, "context", conventions, where),
        claims=tuple(dataclasses.replace(c, protocol=c.protocol or constraints.protocol) for c in claims),
        recipes=_recipes(table["recipes"], where),
    )


def _section(table: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    """A table of tables, empty where there is none."""
    return convert(table.get(key, {}), Mapping[str, object], f"{where}: {key}")


def _entries(table: Mapping[str, Any], key: str, where: str) -> list[Any]:
    """An array of tables (``[[key]]``), empty where there is none."""
    found = table.get(key, [])
    if not isinstance(found, list):
        raise MethodError(f"{where}: {key} must be a list of tables; begin each with [[{key}]]")
    return found


def _arm(name: str, values: Any, key: str, where: str) -> ArmCard:
    values = {"method": key, **convert(values, Mapping[str, object], f"{where}: arms.{name}")}
    arm = fill(ArmCard, values, f"{where}: arms.{name}")
    return dataclasses.replace(arm, recipe=arm.recipe or arm.reading)


def _numbers(
    kind: type[Any], table: Mapping[str, Any], key: str, conventions: Mapping[str, Convention], where: str
) -> tuple[Any, ...]:
    """Entries of one section; ``values = {mAP = 1.0, rank1 = 2.0}`` stands for one entry a metric."""
    found = []
    for i, entry in enumerate(_entries(table, key, where)):
        place = f"{where}: {key}[{i}]"
        row = dict(convert(entry, Mapping[str, object], place))
        name = row.get("convention")
        if isinstance(name, str):
            if name not in conventions:
                raise MethodError(f"{place}: {unknown('convention', name, conventions)}")
            row["convention"] = conventions[name]
        if "values" in row:
            if "metric" in row or "value" in row:
                raise MethodError(f"{place}: give either values = {{...}} or metric and value, not both")
            several = convert(row.pop("values"), Mapping[str, float], f"{place}: values")
            found += [fill(kind, {**row, "metric": m, "value": v}, place) for m, v in several.items()]
        else:
            found.append(fill(kind, row, place))
    return tuple(found)


def _recipes(table: Mapping[str, Any], where: str) -> dict[str, dict[str, Recipe]]:
    for profile in table:
        if profile not in PROFILES:
            raise MethodError(f"{where}: recipes: {unknown('profile', profile, PROFILES)}")
    return {
        profile: {
            name: read_recipe(values, f"{where}: recipes.{profile}.{name}")
            for name, values in _section(table, profile, f"{where}: recipes").items()
        }
        for profile in PROFILES
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
