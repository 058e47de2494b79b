"""Reading a paper's card from its recorded JSON (``card.json``), in one shape whatever wrote it.

A card may come as the TOML tables (``paper``, ``arms`` by name, ``published``, ``claims``) or flattened from
the typed card of the methods floor (``key``, ``title`` ... at the top, arms as a list).
"""

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

from protocols.vocabulary import Mechanism
from reports.schema.json_form import Known

PAPER_KEYS = ("key", "title", "authors", "venue", "year", "pages", "arxiv", "doi", "code", "code_licence")
HEADLINE_ORDER = ("proposed", "baseline", "ablation")


class ArmForm(TypedDict, total=False):
    """What reports read of an arm."""

    label: str
    role: str
    summary: str
    temporal: bool
    attention: bool
    options: dict[str, Any]


class NumberForm(TypedDict):
    """A published number."""

    dataset: str
    metric: str
    value: Known
    source: NotRequired[str]
    convention: NotRequired[dict[str, Any]]
    note: NotRequired[str]


class PublishedForm(NumberForm):
    """One of the paper's own."""

    arm: str


class ContextForm(NumberForm):
    """One of another method, which the paper prints beside them."""

    method: str


class MarginForm(TypedDict):
    """By how much a claim was published to hold, in points."""

    dataset: str
    margin: Known


class ClaimForm(TypedDict):
    """What the paper says of two arms."""

    id: str
    text: str
    arm: str
    against: str
    metric: NotRequired[str]
    protocol: NotRequired[str]
    source: NotRequired[str]
    temporal: NotRequired[bool]
    within: NotRequired[float]
    published: NotRequired[list[MarginForm]]
    mechanism: NotRequired[list[Mechanism]]


class CardForm(TypedDict):
    """A card as :func:`normalise` gives it."""

    key: NotRequired[str]
    title: str
    authors: NotRequired[list[str]]
    venue: NotRequired[str]
    year: NotRequired[int]
    pages: NotRequired[str]
    arxiv: NotRequired[str]
    arms: dict[str, ArmForm]
    published: list[PublishedForm]
    context: list[ContextForm]
    claims: list[ClaimForm]
    constraints: dict[str, Any]


def normalise(card: Mapping[str, Any]) -> dict[str, Any]:
    """The card with ``paper`` facts at the top level and ``arms`` as a mapping by name."""
    paper = card.get("paper")
    facts: dict[str, Any] = dict(paper) if isinstance(paper, Mapping) else {}
    plain = {key: card[key] for key in PAPER_KEYS if key in card}
    arms = card.get("arms") or {}
    if not isinstance(arms, Mapping):
        arms = {arm["name"]: arm for arm in arms}
    return {
        **facts,
        **plain,
        "arms": {name: dict(arm) for name, arm in arms.items()},
        "published": [dict(row) for row in card.get("published") or ()],
        "context": [dict(row) for row in card.get("context") or ()],
        "claims": [dict(claim) for claim in card.get("claims") or ()],
        "constraints": dict(card.get("constraints") or {}),
    }


def published_values(card: Mapping[str, Any], arm: str, dataset: str) -> dict[str, float]:
    """``metric -> published percent`` of an arm on a data set; the first row of a metric counts."""
    found: dict[str, float] = {}
    for row in published_rows(card, arm):
        if row["dataset"] == dataset and row["metric"] not in found:
            found[row["metric"]] = float(row["value"])
    return found


def published_on_side(card: Mapping[str, Any], arm: str, dataset: str, side: str | None) -> dict[str, float]:
    """``metric -> published percent``, without prefix, of an arm on one side of images and videos.

    Args:
        card: a normalised card.
        arm: its name.
        dataset: where it was published.
        side: such as ``I2V``; ``None`` for a protocol where tracklets meet tracklets, beside which stand numbers
            without a side, or else those that a card of images and videos lists under ``V2V``.
    """
    values = published_values(card, arm, dataset)
    own = {metric: value for metric, value in values.items() if "/" not in metric} if side is None else {}
    prefix = f"{side or 'V2V'}/"
    return own or {metric.removeprefix(prefix): value for metric, value in values.items() if metric.startswith(prefix)}


def published_rows(card: Mapping[str, Any], arm: str) -> list[dict[str, Any]]:
    """All published numbers of an arm, in the card's order."""
    return [dict(row) for row in card.get("published") or () if row["arm"] == arm]


def published_dataset(card: Mapping[str, Any], dataset: str) -> str | None:
    """The data set whose published numbers stand beside a measurement on ``dataset``.

    The same one where the paper reports it (for SynthWalk in the layout of another: that one), else MARS, else the
    first one of the card, else ``None``.
    """
    reported = [row["dataset"] for row in card.get("published") or ()]
    for choice in (dataset, dataset.removeprefix("synthwalk-"), "mars"):
        if choice in reported:
            return choice
    return reported[0] if reported else None


def headline_arm(card: Mapping[str, Any], recorded: list[str]) -> str | None:
    """The arm a reader came for: the first proposed one that is recorded, else any recorded one."""
    arms = normalise(card)["arms"]
    for role in HEADLINE_ORDER:
        for name in recorded:
            if arms.get(name, {}).get("role") == role:
                return name
    return recorded[0] if recorded else None


def describe_convention(convention: dict[str, Any]) -> str:
    """How a published number was obtained, as far as its source says."""
    words = {"gallery": "{} gallery", "ap": "{} AP", "metric": "{}"}
    known = [text.format(convention[key]) for key, text in words.items() if convention.get(key, "unknown") != "unknown"]
    return ", ".join(known) or "convention not stated"
