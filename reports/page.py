"""One self-contained page for a paper: the verdict first, then all that it rests on."""

import shlex
from collections.abc import Sequence
from typing import Any

from protocols.statistics import clustered_bootstrap
from protocols.vocabulary import VERDICTS
from reports import html
from reports.conventions import page
from reports.errors import ReportError
from reports.ledger import forest_plot, mask_measures
from reports.ledger.ledger import Ledger
from reports.page_caveats import unverified
from reports.render import figures
from reports.render.table import Column, Table, number
from reports.schema.metrics import headline_side
from reports.sections.attributes import section as attributes_section
from reports.sections.cost import plots
from reports.sections.cost import section as cost_section
from reports.sections.repair import section as repair_section
from reports.sections.results import sides, slices, splits, tables
from reports.sections.test_time import section as test_time_section
from reports.store import cards, repairer_names
from reports.store.arm import Group
from reports.store.job import Job

SECTIONS = {
    "verdict": "Verdict", "results": "Measured and published", "splits": "Split by split", "sides": "Image and video",
    "length": "Test length", "repair": "Occlusion and repair", "attributes": "Attributes", "slices": "By attribute",
    "curves": "Ranks and cost", "cost": "Cost", "masks": "Where it looks", "weights": "Frame weights",
    "strips": "Retrievals", "conventions": "Conventions", "training": "Training", "environment": "Environment",
    "again": "Make it again", "unverified": "Not verified",
}  # fmt: skip
NUMBER_WORDS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def paper_page(
    job: Job, ledger: Ledger, wanted: Sequence[slices.Sliced] = (), pages: Sequence[tuple[str, str]] = ()
) -> str:
    """The page as HTML text: nothing is loaded from elsewhere.

    Args:
        job: what was recorded.
        ledger: its claims.
        wanted: attributes to show accuracy by.
        pages: href and name of other pages that it links to.

    Raises:
        ReportError: a strip's picture is not a data URI.
    """
    from markupsafe import Markup

    first = job.any_result
    results = tables.results(job)
    shown_strips = strips(job)
    ledgered = page.section(job)
    found = () if ledgered else (tables.conventions(job, "mAP"), tables.conventions(job, "rank1"))
    convention_tables = [table for table in found if table.rows]
    claims = forest_plot.forests(ledger)
    in_points = [claim for claim in ledger.judged() if claim.unit == "points"]
    of_masks = [claim.difference for claim in ledger.judged() if claim.unit != "points" and claim.difference]
    looks = where_it_looks(job)
    sided = image_and_video(job)
    repaired = repair_section.section(job)
    fed = test_time_section.section(job)
    divided = splits.section(job, ledger)
    recognised, weighed = attributes_section.attributes_section(job), attributes_section.weights_section(job)
    sliced = slices.section(job, wanted)
    present = {
        "strips": bool(shown_strips),
        "conventions": bool(ledgered or convention_tables),
        "masks": bool(looks),
        "splits": bool(divided),
        "sides": bool(sided),
        "length": bool(fed),
        "repair": bool(repaired),
        "attributes": bool(recognised),
        "slices": bool(sliced),
        "weights": bool(weighed),
        "cost": bool(job.cost),
    }
    arm = cards.headline_arm(job.card, [group.name for group in job.arms()]) or job.groups[0].name
    people = job.groups[0].people()
    return html.render(
        "paper.html.j2",
        title=f"{job.card['title']}: what holds on {tables.dataset_label(first['dataset']['name'])}",
        kind="reproduction report",
        heading=job.card["title"],
        subtitle=_citation(job.card),
        skip="Skip to the verdict",
        pages=pages,
        origins=html.origins(job),
        protocol=first["protocol"],
        facts=_facts(job),
        sections=[(anchor, title) for anchor, title in SECTIONS.items() if present.get(anchor, True)],
        headline=headline(ledger),
        ledger=ledger,
        claims=claims,
        not_judged=[claim for claim in ledger.claims if claim.difference is None],
        any_bars=any(one.bars for one in claims if one.claim.unit == "points"),
        any_claimed=any(bar.claimed for one in claims for bar in one.bars),
        any_band=any(bar.band for one in claims for bar in one.bars),
        any_aside=any(bar.aside for one in claims for bar in one.bars),
        claimed_on=", ".join(dict.fromkeys(
            tables.dataset_label(row["dataset"])
            for claim in in_points
            for row in forest_plot.margins(claim, ledger.dataset)
        )),
        claimed_metrics=_either(list(dict.fromkeys(claim.metric_label for claim in in_points))),
        of_masks=(max(one.queries for one in of_masks), max(one.identities for one in of_masks)) if of_masks else None,
        counts={
            "queries": len(people), "identities": len(set(people.tolist())),
            "seeds": max(len(group.seeds) for group in job.arms()),
        },
        results=results.visible(),
        colour_note=_colour_note(job, arm),
        cmc=Markup(cmc_figure(job)),
        some_drawn=len(_drawn(job)) < len(job.groups),
        costs=plots.cost_figures(job, _drawn(job)),
        cost=cost_section.section(job.cost) if job.cost else None,
        side=headline_side(first["protocol"]),
        splits=divided,
        sides=sided,
        length=fed,
        repair=repaired,
        recognised=recognised,
        sliced=sliced,
        weighed=weighed,
        looks=looks,
        reading=mask_measures.READING,
        strips=shown_strips,
        ledgered=ledgered,
        conventions=convention_tables,
        conventions_words=_conventions_words(job, convention_tables, arm),
        stages=tables.stages(job).visible(),
        admission=tables.admission(job),
        environment=_environment(job),
        command=job.tags.get("command", first["command"]),
        build_command=build_command(job, [one.attribute["name"] for one in wanted]),
        plain_build_command=build_command(job),
        runs=tables.runs(job),
        unverified=unverified(job, ledger),
        experiment=job.experiment,
        parent_id=job.parent_id,
        ended=job.ended,
    )  # fmt: skip


def headline(ledger: Ledger) -> str:
    """The verdict in one sentence, over the claims that something was measured for."""
    total = len(ledger.judged())
    where = tables.dataset_label(ledger.dataset)
    if not total and ledger.claims:
        return "None of the paper's claims was judged; each says why below."
    if not total:
        return f"The card makes no claim under {ledger.protocol}; the measurements stand for themselves."
    counts = {which: sum(claim.verdict == which for claim in ledger.judged()) for which in VERDICTS}
    judged = "claims" if total == len(ledger.claims) else "judged claims"
    if total == 1:
        return (
            f"The paper's claim {ledger.judged()[0].verdict} on {where}."
            if counts["cannot tell"] == 0
            else (f"Whether the paper's claim holds on {where} cannot be told yet.")
        )
    parts = []
    if counts["holds"]:
        parts.append(f"{_word(counts['holds'])} of {_word(total)} {judged} {_verb(counts['holds'], 'hold')}")
    if counts["does not hold"]:
        verb = "does not hold" if counts["does not hold"] == 1 else "do not hold"
        parts.append(f"{_word(counts['does not hold'])} {verb}" if parts else
                     f"{_word(counts['does not hold'])} of {_word(total)} {judged} {verb}")  # fmt: skip
    if counts["cannot tell"]:
        if not parts:
            return f"None of the {_word(total)} {judged} can be told apart from no effect yet on {where}."
        parts.append(f"{_word(counts['cannot tell'])} cannot be told yet")
    text = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    return f"On {where}, {text}."


def cmc_figure(job: Job) -> str:
    """CMC of the arms and the colour row, with bands from resampled identities."""
    curves = []
    for group in _drawn(job):
        if group.control not in (None, "colour"):
            continue
        ends = [
            clustered_bootstrap(group.values(f"rank{rank}"), group.people(), bounds=(0.0, 100.0), resamples=1000)
            for rank in range(1, figures.MAX_RANK + 1)
        ]
        curves.append(figures.curve(group.label, ends, reference=group.control is not None))
    return figures.cmc_curves(curves)


def _drawn(job: Job) -> list[Group]:
    """What curves show: all, but of arms that differ in their data alone the raw one and the headline arm."""
    if not job.repaired:
        return list(job.groups)
    headline_one = repairer_names.headline_group(job)
    return [group for group in job.groups if group.control or not group.data.repaired or group is headline_one]


def strips(job: Job) -> list[dict[str, Any]]:
    """Retrieval strips of the first seed that has some: the headline arm first, the others after it."""
    found = []
    names = [group.name for group in job.arms()]
    first = cards.headline_arm(job.card, names)
    for group in sorted(job.arms(), key=lambda one: one.name != first):
        for run in group.runs:
            rows = run.strips.get("rows") or []
            for row in rows:
                for image in (row["query"]["image"], *(one["image"] for one in row["top"])):
                    if not str(image).startswith("data:image/"):
                        raise ReportError(f"strips.json of run {run.run_id} holds a picture that is no data URI.")
            if rows:
                first_split = "" if not run.divisions else f", split {run.divisions[0].split}"
                seed = f"{run.seed}{first_split}"
                where = {"label": group.label, "seed": seed, "run_id": run.run_id, "rows": rows}
                found.append(where | {"tested_on": _tested_on(job, group)})
                break
    return found


def _tested_on(job: Job, group: Group) -> str:
    """Which data the pictures of an arm are of, where that is in doubt."""
    return repairer_names.label(job, group.data.test) if job.repaired else ""


def image_and_video(job: Job) -> dict[str, Any]:
    """Both tables of the sides with a sentence; empty under a protocol without sides."""
    table = sides.matrix(job)
    if not table.rows:
        return {}
    arm = cards.headline_arm(job.card, [group.name for group in job.arms() if group.first.get("variants")])
    other = sides.variants(job)
    words = sides.variant_words(other, job.by_name[arm], job.headline_metric) if arm else ""
    return {"matrix": table.visible(), "variants": other.visible(), "words": words}


def where_it_looks(job: Job) -> list[dict[str, Any]]:
    """Tables and pictures of every arm that recorded where it looks, the headline arm first."""
    arms = [group for group in job.arms() if mask_measures.explained(group)]
    first = cards.headline_arm(job.card, [group.name for group in arms])
    return [
        {
            "label": group.label,
            "accuracy": mask_measures.accuracy(group).visible(),
            "differences": mask_measures.differences(group).visible(),
            "pictures": mask_measures.pictures(group),
        }
        for group in sorted(arms, key=lambda one: one.name != first)
    ]


def build_command(job: Job, wanted: Sequence[str] = ()) -> str:
    """The command that builds the page again; the store is named by the environment or a flag."""
    words = ["python", "-m", "reports.build", "--experiment", job.experiment, "--parent", job.parent_id]
    return shlex.join([*words, *(["--slice", *wanted] if wanted else [])])


def _citation(card: dict[str, Any]) -> str:
    authors = ", ".join(card.get("authors") or ())
    place = " ".join(str(card[key]) for key in ("venue", "year") if card.get(key))
    pages = f"pp. {str(card['pages']).replace('-', '–')}" if card.get("pages") else ""
    arxiv = f"arXiv:{card['arxiv']}" if card.get("arxiv") else ""
    return ". ".join(part for part in (authors, ", ".join(p for p in (place, pages, arxiv) if p)) if part) + "."


def _facts(job: Job) -> list[tuple[str, str]]:
    first = job.any_result
    seeds = sorted({seed for group in job.arms() for seed in group.seeds})
    dataset, protocol = first["dataset"], first["protocol"]
    drawn = ", drawn" if dataset["synthetic"] else ""
    computed = list(dict.fromkeys(group.precision for group in job.groups if group.precision))
    return [
        ("Data set", f"{tables.dataset_label(dataset['name'])} {dataset['version']}{drawn}"),
        ("Protocol", f"{protocol['name']} v{protocol['version']}"),
        ("Profile", first["profile"] + ("" if first["budget"] == "full" else f", {first['budget']} budget")),
        ("Frames", "×".join(map(str, first["size"]))),
        *([("Computed in", ", ".join(computed))] if computed else []),
        ("Seeds", ", ".join(map(str, seeds))),
        *([("Splits", splits.shown(job))] if job.splits else []),
        *([("Finished", job.ended)] if job.ended else []),
    ]


def _colour_note(job: Job, arm: str) -> str:
    colour = [group for group in job.groups if group.control == "colour"]
    if not colour:
        return ""
    share = number(float(colour[0].values("rank1").mean()), Column("", "", "number"))
    same = job.by_name[arm].first["slices"].get("same_camera_share_of_top1_errors")
    same = None if job.one_match else same  # where one camera asks and another answers, there is none
    text = (
        f"{colour[0].label}: a descriptor of colours alone, with no network, reaches {share} % Rank-1; it is the floor."
    )
    if same is not None:
        text += (
            f" Of {job.by_name[arm].label}'s wrong first answers, {100 * same:.0f} % come from the query's own camera."
        )
    return text


def _conventions_words(job: Job, convention_tables: list[Table], arm: str) -> str:
    if not convention_tables:
        return ""
    table = convention_tables[0]
    if arm not in [column.key for column in table.columns]:
        return "Each row is another published way to count; nothing else changes."
    cells = [cell for cell in table.column(arm)[:-1] if isinstance(cell, float)]
    ends = f"{min(cells):.1f} to {max(cells):.1f} %"
    return (
        f"Published tables count in different ways. The same descriptors of {job.by_name[arm].label} score {ends} mAP "
        f"depending on the convention alone: {max(cells) - min(cells):.1f} points that are no property of the method."
    )


def _environment(job: Job) -> list[tuple[str, str]]:
    """The environment as term and text; nested facts on one line."""
    rows = []
    for key, value in job.environment.items():
        if isinstance(value, dict):
            text = ", ".join(f"{name} {version}" for name, version in value.items())
        elif isinstance(value, bool):
            text = "yes" if value else "no"
        else:
            text = str(value)
        rows.append((key.replace("_", " "), text))
    counts = ", ".join(
        f"{name.replace('_', ' ')} {count}" for name, count in job.any_result["dataset"]["counts"].items()
    )
    fingerprint = job.any_result["dataset"]["fingerprint"]
    return [*rows, ("data fingerprint", fingerprint), *([("data counts", counts)] if counts else [])]


def _either(metrics: list[str]) -> str:
    return " or ".join(metrics) if len(metrics) <= 3 else "the metric that each claim names"


def _word(count: int) -> str:
    return NUMBER_WORDS[count] if count < len(NUMBER_WORDS) else str(count)


def _verb(count: int, verb: str) -> str:
    return f"{verb}s" if count == 1 else verb
