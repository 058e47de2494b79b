"""One self-contained page for a paper: the verdict first, then all that it rests on."""

import shlex
from collections.abc import Sequence
from typing import Any

from protocols.vocabulary import GAINS, Gain
from reports import html
from reports.ledger import forest_plot, sanity
from reports.ledger.claim import Claim
from reports.ledger.columns_table import columns_table
from reports.ledger.ledger import Ledger
from reports.page_caveats import unverified
from reports.sections.discovery import sections
from reports.sections.interface import Section, SectionInput
from reports.sections.results import provenance, slices, splits, tables
from reports.store.job import Job, in_words

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
    given = SectionInput(job, ledger, wanted)
    origins = html.origins(job)
    shared = {
        "splits": job.splits,
        "protocol": job.any_result["protocol"],
        "plain_build_command": build_command(job),
    }
    shown = []
    for section in sorted((*FRAME, *sections()), key=lambda one: one.order):
        found = section.show(given)
        if found:
            shown.append((section, html.fragment(section, origins, {**shared, **found})))
    return html.render(
        "paper.html.j2",
        title=f"{job.card['title']}: what is reproduced on {tables.dataset_label(job.any_result['dataset']['name'])}",
        kind="reproduction report",
        heading=job.card["title"],
        subtitle=_citation(job.card),
        skip="Skip to the verdict",
        pages=pages,
        origins=origins,
        facts=_facts(job),
        sections=[(section.name, section.heading) for section, _ in shown],
        fragments=[fragment for _, fragment in shown],
        experiment=job.experiment,
        parent_id=job.parent_id,
        ended=job.ended,
    )


def _verdict(given: SectionInput) -> dict[str, Any]:
    job, ledger = given.job, given.ledger
    claims = forest_plot.forests(ledger)
    in_points = [claim for claim in ledger.measured() if claim.unit == "points"]
    of_masks = [claim.difference for claim in ledger.measured() if claim.unit != "points" and claim.difference]
    datasets = (row["dataset"] for claim in in_points for row in forest_plot.margins(claim, ledger.dataset))
    people = job.groups[0].people()
    return {
        "headline": headline(ledger),
        "ledger": ledger,
        "claims": claims,
        "not_judged": [claim for claim in ledger.claims if claim.difference is None],
        "any_bars": any(one.bars for one in claims if one.claim.unit == "points"),
        "any_claimed": any(bar.claimed for one in claims for bar in one.bars),
        "any_band": any(bar.band for one in claims for bar in one.bars),
        "columns": columns_table(ledger.claims).visible(),
        "claimed_on": ", ".join(dict.fromkeys(tables.dataset_label(name) for name in datasets)),
        "claimed_metrics": _either(list(dict.fromkeys(claim.metric_label for claim in in_points))),
        "of_masks": (max(one.queries for one in of_masks), max(one.identities for one in of_masks))
        if of_masks
        else None,
        "counts": {
            "queries": len(people),
            "identities": len(set(people.tolist())),
            "seeds": max(len(group.seeds) for group in job.arms()),
            "heads": max(len(group.head_seeds) for group in job.arms()),
        },
    }


def _can_tell(given: SectionInput) -> dict[str, Any]:
    return {"checks": given.ledger.checks, "summary": sanity.in_words(given.ledger.checks)}


def _again(given: SectionInput) -> dict[str, Any]:
    job = given.job
    return {
        "command": job.tags.get("command", job.any_result["command"]),
        "build_command": build_command(job, [one.attribute["name"] for one in given.slices]),
        "runs": provenance.runs(job),
    }


def headline(ledger: Ledger) -> str:
    """The verdict in one sentence, over the claims that something was measured for."""
    total = len(ledger.measured())
    where = tables.dataset_label(ledger.dataset)
    if not total and ledger.claims:
        return "None of the paper's claims was judged; each says why below."
    if not total:
        return f"The card makes no claim under {ledger.protocol}; the measurements stand for themselves."
    counts: dict[Gain, int] = {which: sum(claim.gain == which for claim in ledger.measured()) for which in GAINS}
    noun = "claimed gains" if total == len(ledger.claims) else "claimed gains that were measured"
    if total == 1:
        [claim] = ledger.measured()
        return f"On {where}, the paper's claim is {claim.gain}{_one_seed([claim])}."
    if counts["undecided"] == total:
        return f"On {where}, all {_word(total)} {noun} are undecided{_one_seed(ledger.measured())}."
    parts = [
        (f"{_word(count)} of {_word(total)} {noun}" if not index else _word(count))
        + f" {'is' if count == 1 else 'are'} {which}"
        for index, (which, count) in enumerate((which, count) for which, count in counts.items() if count)
    ]
    text = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    return f"On {where}, {text}."


def _one_seed(claims: Sequence[Claim]) -> str:
    """The reason, where it is the same for all."""
    reasons = {claim.gain_why for claim in claims}
    return f": {reasons.pop()}" if len(reasons) == 1 and "" not in reasons else ""


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
    heads = max(len(group.head_seeds) for group in job.arms())
    dataset, protocol = first["dataset"], first["protocol"]
    drawn = ", drawn" if dataset["synthetic"] else ""
    version = f", renderer {dataset['version']}" if dataset.get("world") else f" {dataset['version']}"
    computed = list(dict.fromkeys(group.precision for group in job.groups if group.precision))
    return [
        ("Data set", f"{tables.data_label(dataset)}{version}{drawn}"),
        ("Protocol", f"{protocol['name']} v{protocol['version']}"),
        ("Profile", first["profile"] + ("" if first["budget"] == "full" else f", {first['budget']} budget")),
        *([("Options", in_words(job.changes))] if job.changes else []),
        ("Frames", "×".join(map(str, first["size"]))),
        *([("Computed in", ", ".join(computed))] if computed else []),
        ("Seeds", ", ".join(map(str, seeds)) + (f", {heads} heads each" if heads > 1 else "")),
        *([("Splits", splits.shown(job))] if job.splits else []),
        *([("Finished", job.ended)] if job.ended else []),
    ]


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


FRAME = (
    Section("verdict", "Verdict", _verdict, 10, "verdict.html.j2"),
    Section("can-tell", "Can this run tell?", _can_tell, 15, "can_tell.html.j2"),
    Section(
        "environment",
        "Environment",
        lambda given: {"environment": _environment(given.job)},
        160,
        "environment.html.j2",
    ),
    Section("again", "Make it again", _again, 170, "again.html.j2"),
    Section(
        "unverified",
        "Not verified",
        lambda given: {"unverified": unverified(given.job, given.ledger)},
        180,
        "unverified.html.j2",
    ),
)
"""What every page has, whatever was measured."""
