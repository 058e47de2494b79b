"""What MLflow records of a paper's claims: their four columns as tags of the parent run, and its description.

A tag a column and claim, so that a filter finds them: ``tags.`gain/gltr-beats-baseline-map` = 'reproduced'``.
"""

from collections.abc import Mapping
from typing import Any

from reports.ledger.columns.gain import gain_in
from reports.ledger.columns.power import Power
from reports.ledger.wording import power_in_short, signed

LONGEST = 500  # characters of a tag
LONGEST_NOTE = 6000  # characters of the description, of which MLflow keeps 8,000


def claim_tags(ledger: Mapping[str, Any]) -> dict[str, str]:
    """Tags ``gain/<claim>``, ``gain_holm/<claim>``, ``cause/<claim>``, ``headroom/<claim>``, ``power/<claim>``.

    Args:
        ledger: as in ``ledger.json``; claims that nothing was measured for have no tags, and claims of a ledger from
            before there were gains have their verdict as gain alone.
    """
    found: dict[str, str] = {}
    for claim in ledger.get("claims", []):
        if claim.get("difference") is None:
            continue
        columns = {"gain": gain_in(claim)}
        if "gain" in claim:
            columns |= {
                "gain_holm": str(claim["gain_holm"]),
                "cause": ", ".join(f"{one['name']} {one['answer']}" for one in claim["causes"]) or "none asked",
                "headroom": "; ".join(_headroom(one) for one in claim["headroom"]) or "none asked",
                "power": power_in_short(Power(**claim["power"]), claim["unit"]),
            }
        found |= {f"{name}/{claim['id']}": text[:LONGEST] for name, text in columns.items()}
    return found


def _headroom(one: Mapping[str, Any]) -> str:
    difference = one["difference"]
    if difference is None:
        return f"{one['label']}: {one['why']}"
    low, high = signed(difference["low"]), signed(difference["high"])
    share = "no share" if one["share"] is None else f"share {100 * one['share']:.0f} %"
    return f"{one['label']} {signed(difference['mean'])} ({low} to {high}), {share}"


def parent_note(card: Mapping[str, Any], summary: Mapping[str, Any], ledger: Mapping[str, Any] | None) -> str:
    """The parent's description: controls that failed, then the claims."""
    lines = [f"**{card.get('title', card.get('key', ''))}**", ""]
    for check in (ledger or {}).get("checks", []):
        if check["answer"] == "failed":
            lines.append(f"- **control failed**: {check['name']}. {check['words']}")
    claims = (ledger or {}).get("claims", [])
    for place, claim in enumerate(claims):
        lines.append(f"- **{gain_in(claim)}**: {claim['text']} {claim['words']}")
        if sum(map(len, lines)) > LONGEST_NOTE and place + 1 < len(claims):
            lines.append(f"- and {len(claims) - place - 1} more claims, see `ledger.json`")
            break
    for key, value in summary.items():
        if isinstance(value, str | int | float):
            lines.append(f"- {key}: {value}")
    return "\n".join([*lines, "", "Open the artifact `report/index.html` for the page."])
