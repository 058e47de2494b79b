"""The four columns of claims, as texts and as one table."""

from collections.abc import Sequence

from reports.ledger.claim import Claim
from reports.ledger.columns.cause import CAUSE_NAMES
from reports.ledger.columns.power import shown_seeds
from reports.ledger.wording import causes_in_short, headroom_in_short, power_in_short
from reports.render.table import Cell, Column, Estimate, Row, Table

TITLES = ("Gain", "Cause", "Headroom", "Power")


def p_value(p: float) -> str:
    """For a reader: ``0.013``, ``< 0.001``."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def in_short(claim: Claim) -> tuple[tuple[str, str], ...]:
    """Title and text of each column of a measured claim."""
    holm = "" if claim.p_holm is None else f" (Holm: {claim.gain_holm}, p {p_value(claim.p_holm)})"
    return tuple(
        zip(
            TITLES,
            (
                f"{claim.gain}{holm}",
                causes_in_short(claim.causes) or "none asked",
                headroom_in_short(claim.headroom) or "none asked",
                power_in_short(claim.power, claim.unit),
            ),
            strict=True,
        )
    )


def columns_table(claims: Sequence[Claim]) -> Table:
    """A row for each claim in points that something was measured for."""
    measured = [claim for claim in claims if claim.difference is not None and claim.unit == "points"]
    columns = (
        Column("claim", "Claim"),
        Column("id", "Id", data_only=True),
        Column("metric", "Metric"),
        Column("difference", "Gain", "estimate", signed=True, has_verdict=True),
        Column("p_holm", "Holm p", "number", decimals=3),
        Column("gain_holm", "Gain by Holm"),
        *(
            Column(name, name.capitalize(), "estimate", signed=True, group="Cause", has_verdict=True)
            for name in CAUSE_NAMES
        ),
        Column("oracle", "By", group="Headroom"),
        Column("headroom", "Points", "estimate", signed=True, group="Headroom"),
        Column("share", "Share", "number", decimals=0, unit="%", group="Headroom"),
        Column("detectable", "Finds", "number", group="Power"),
        Column("seeds_for_margin", "Seeds for the margin", group="Power"),
        Column("seeds_for_quarter", "for a quarter", group="Power"),
    )
    return Table("four_columns", "Claims in four columns, in points", columns, tuple(_row(claim) for claim in measured))


def _row(claim: Claim) -> Row:
    difference = claim.difference
    assert difference is not None  # only measured ones
    causes = {
        one.name: Estimate(one.difference.mean, one.difference.low, one.difference.high, one.answer)
        if one.difference
        else one.answer
        for one in claim.causes
    }
    first = next((one for one in claim.headroom if one.difference), claim.headroom[0] if claim.headroom else None)
    found = first.difference if first else None
    seeds = [
        None if one is None else shown_seeds(one)
        for one in (claim.power.seeds_for_margin, claim.power.seeds_for_quarter)
    ]
    cells: tuple[Cell, ...] = (
        claim.text,
        claim.id,
        claim.metric_label,
        Estimate(difference.mean, difference.low, difference.high, claim.gain),
        claim.p_holm,
        claim.gain_holm,
        *(causes.get(name) for name in CAUSE_NAMES),
        None if first is None else first.label if found else f"{first.label}: {first.why}",
        Estimate(found.mean, found.low, found.high) if found else None,
        100 * first.share if first and first.share is not None else None,
        claim.power.detectable,
        *seeds,
    )
    runs = [run for _, _, one in claim.differences() for run in one.run_ids]
    return Row(cells, "", tuple(dict.fromkeys(runs)), href=f"#claim-{claim.id}")
