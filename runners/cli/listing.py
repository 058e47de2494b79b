"""What there is to run: papers, arms and claims, straight from the cards and without torch."""

import textwrap
from collections.abc import Mapping
from typing import Any

from methods.cards.card import SERVING, Card
from reports.schema.vocabulary import RAW


def as_text(cards: Mapping[str, Card], width: int = 100) -> str:
    """Papers with their arms and claims, for a terminal."""
    lines: list[str] = []
    for card in cards.values():
        cited = card.paper
        who = f"{cited.authors[0]} et al., " if cited.authors else ""
        lines += [
            f"{card.key}: {cited.title} ({who}{cited.venue}, {cited.year})",
            "",
            f"  scored under {card.constraints.protocol} unless --protocol says otherwise",
            "  arms (* runs by default)",
        ]
        painters, labellers = (
            {name: arm for name, arm in card.arms.items() if arm.role == role} for role in ("repairer", "labeller")
        )
        for name, arm in card.arms.items():
            if arm.role not in SERVING:
                mark = "*" if arm.default else " "
                lines += _hanging(f"  {mark} {name:<22}", arm.summary or arm.label, width)
        if painters:
            lines += ["", "  arms that repair data for others (--repairers, python -m runners.repair)"]
            for name, arm in painters.items():
                lines += _hanging(f"    {card.key}/{name:<22}", arm.summary or arm.label, width)
        if labellers:
            lines += ["", "  arms that tell people's attributes to others (--attributes, python -m runners.attributes)"]
            for name, arm in labellers.items():
                lines += _hanging(f"    {card.key}/{name:<22}", arm.summary or arm.label, width)
        if card.claims:
            lines += ["", "  claims"]
            for claim in card.claims:
                margins = ", ".join(f"{m.dataset} {m.margin:+.2f}" for m in claim.published)
                text = f"{claim.text} [{claim.metric}; published {margins or 'without a number'}; {claim.source}]"
                lines += _hanging(f"    {claim.id:<22}", text, width)
        lines.append("")
    lines += [
        "Run one:        python -m runners.reproduce --paper gltr",
        "Some arms only: python -m runners.reproduce --paper gltr --arms gltr 'gltr[branches=2]'",
        "Your own:       python -m runners.reproduce --paper path/to/folder   (see docs/adding-a-paper.md)",
    ]
    return "\n".join(lines)


def as_data(cards: Mapping[str, Card]) -> dict[str, Any]:
    """The same as plain data, for ``--json``."""
    return {
        key: {
            "title": card.paper.title,
            "venue": card.paper.venue,
            "year": card.paper.year,
            "protocol": card.constraints.protocol,
            "arms": {
                name: {
                    "label": arm.label,
                    "summary": arm.summary,
                    "default": arm.default,
                    "role": arm.role,
                    "train_on": arm.train_on or RAW,
                    "test_on": arm.test_on or RAW,
                }
                for name, arm in card.arms.items()
            },
            "claims": [
                {
                    "id": claim.id,
                    "text": claim.text,
                    "arm": claim.arm,
                    "against": claim.against,
                    "metric": claim.metric,
                    "protocol": claim.protocol,
                    "source": claim.source,
                    "published": {m.dataset: m.margin for m in claim.published},
                }
                for claim in card.claims
            ],
        }
        for key, card in cards.items()
    }


def _hanging(start: str, text: str, width: int) -> list[str]:
    """Text behind a label, its further lines indented to the same column."""
    indent = " " * (len(start) + 1)
    wrapped = textwrap.wrap(text, width, initial_indent=start.ljust(len(start) + 1), subsequent_indent=indent)
    return wrapped or [start]
