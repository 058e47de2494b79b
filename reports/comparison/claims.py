"""Every claim of every paper, as answered by the ledger of each job that ran it: one list for people and programs.

No claim is judged here: gains, causes, headroom, power, differences and words are those of `reports.ledger.ledger`.
A claim has one entry for each job that could judge it (another protocol, data set, profile or budget is another job),
and one entry without an answer where no job did.
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from protocols.vocabulary import GAINS
from reports.ledger.claim import Claim
from reports.ledger.columns.cause import CAUSE_NAMES, CauseAnswer, CauseName
from reports.ledger.ledger import SYNTHETIC, Ledger, build_ledger, made_under
from reports.render.estimate import estimate
from reports.render.table import Estimate
from reports.sections.results.tables import data_label
from reports.store.job import Job, in_words
from reports.store.jobs import Across, paper_of

SCHEMA = 2  # 1 had one verdict in place of gain, causes, headroom and power
Status = Literal["judged", "not judged", "not run"]

KEYS: dict[str, str] = {
    "paper": "key of the paper",
    "claim": "id of the claim in the paper's card",
    "text": "the claim in words",
    "source": "table or figure of the paper",
    "arm": "arm that is claimed to be better",
    "arm_label": "its name for people",
    "against": "arm, or mask, that it is measured against",
    "against_label": "its name for people",
    "metric": "mAP, rank1 ..., after a side such as I2V/ where images meet videos; or <map>/<measure> of a mask",
    "unit": "of all differences: points (of percent), or that of a mask's measure",
    "temporal": "true: a claim about time, which has to answer for order and capacity",
    "mechanism": "what the card says that the gain comes from",
    "within": "points that still count as equal, for a claim of equality; else 0",
    "made_under": "protocol that the claim is made under; null where the card names none",
    "published": "published margins: data set, margin in points; where they stand is source",
    "status": "judged; not judged: the job ran, but not what this claim needs; not run: no job under its protocol",
    "gain": "reproduced, not reproduced, undecided, from difference alone; null unless measured",
    "gain_why": "why it is undecided, where that is not the interval; else empty",
    "p_holm": "p of difference after Holm's correction over the claims of the job; null unless measured",
    "gain_holm": "the gain at the corrected level; null unless measured",
    "causes": "order, capacity, weights -> control, answer (supported, not supported, undecided, cannot apply, not "
    "run), why, difference (arm minus control) or null",
    "headroom": "list: mechanism, oracle, label, difference (oracle minus against) or null, share that the arm gets or "
    "null, why",
    "power": "detectable: smallest gain found with a chance of 80 %; margin; seeds_for_margin, seeds_for_quarter: "
    "training seeds that find the published margin or a quarter of it, or 'no number'; why; null unless measured",
    "reason": "the four columns in one sentence, or why there are none",
    "difference": "arm minus against: mean, low, high (95 %), p, seeds, queries, identities, run_ids; or null",
    "colour": "accuracy of colours alone on the claim's metric in percent: mean, low, high, run_ids; or null",
    "also_run_under": "protocols under which this paper was run too, where this claim is not made and not judged",
    "dataset": "name of the data set; null unless run",
    "dataset_fingerprint": "of the data; null unless run",
    "synthetic": "whether the data are drawn: then the answers are about them, see note; null unless run",
    "protocol": "protocol that judged, with its version as in rgb-snippets v1; null unless run",
    "profile": "embedded or paper; null unless run",
    "budget": "full, quick or long; null unless run",
    "changes": "what options changed for every arm of the job, such as pretrained none; empty of a plain job; null "
    "unless run",
    "seeds": "seeds that were compared",
    "experiment": "MLflow experiment; null unless run",
    "parent_id": "MLflow parent run of the job; null unless run",
    "run_ids": "MLflow runs behind difference, causes, headroom and colour",
    "command": "command that makes the job again; null unless run",
    "note": "a sentence that belongs to every answer of this entry; empty where none does",
}


@dataclass(frozen=True)
class Judged:
    """One claim in one job; or, without a job, one that no job answers."""

    paper: str
    card: Mapping[str, Any]
    status: Status
    claim: Claim | None
    plain: Mapping[str, Any]  # the claim as the card has it
    reason: str
    job: Job | None = None
    ledger: Ledger | None = None
    elsewhere: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Of the claim."""
        return str(self.plain.get("id", "?"))

    @property
    def gain(self) -> str | None:
        """The ledger's, where something was measured."""
        return self.claim.gain if self.claim and self.status == "judged" else None

    @property
    def key(self) -> str:
        """Unique on a page: claim and job."""
        return f"{self.paper}-{self.id}" + (f"-{self.job.parent_id[:8]}" if self.job else "")

    def cause(self, name: CauseName) -> CauseAnswer | None:
        """What was found of one cause; ``None`` where nothing asks for it."""
        return next((one for one in self.claim.causes if one.name == name), None) if self.claim else None

    def colour(self) -> tuple[Estimate, tuple[str, ...]] | None:
        """What colours alone reach on the claim's metric, with the runs."""
        if self.job is None or self.claim is None or self.claim.unit != "points":
            return None
        group = self.job.by_name.get("colour")
        if group is None or not group.scored_on(self.claim.metric):
            return None
        return estimate(group, self.claim.metric), group.run_ids


def all_claims(
    across: Across, unrun: Mapping[str, Mapping[str, Any]] | None = None, ledgers: Mapping[str, Ledger] | None = None
) -> tuple[Judged, ...]:
    """The claims of all recorded papers, by paper and job.

    Args:
        across: what was recorded.
        unrun: normalised cards of papers that may not have been run; their claims are listed as not run.
        ledgers: parent run id -> ledger, where they were built already.
    """
    found: list[Judged] = []
    for paper in across.papers:
        jobs = [job for job in across.jobs if paper_of(job) == paper]
        found += _of_paper(paper, jobs, {job.parent_id: (ledgers or {}).get(job.parent_id) for job in jobs})
    others = {**(unrun or {}), **across.cards}
    for paper, card in others.items():
        if paper not in across.papers:
            left = [one for one in across.left_out if one.paper == paper]
            what = "is among the jobs of this report" if across.chosen else "is recorded"
            reason = f"its job {left[-1].why}" if left else f"no job of this paper {what}"
            found += [Judged(paper, card, "not run", None, claim, f"Not run: {reason}.") for claim in card["claims"]]
    return tuple(found)


def _of_paper(paper: str, jobs: Sequence[Job], ledgers: Mapping[str, Ledger | None]) -> list[Judged]:
    found: list[Judged] = []
    seen: set[str] = set()
    for job in jobs:
        ledger = ledgers.get(job.parent_id) or build_ledger(job)
        plain = {str(one.get("id", "?")): one for one in job.card["claims"]}
        for claim in ledger.claims:
            seen.add(claim.id)
            status: Status = "judged" if claim.difference is not None else "not judged"
            elsewhere = tuple(dict.fromkeys(_protocol(one) for one in jobs if _elsewhere(one, plain[claim.id])))
            found.append(Judged(paper, job.card, status, claim, plain[claim.id], claim.words, job, ledger, elsewhere))
    for job in jobs:
        for one in job.card["claims"]:
            if str(one.get("id", "?")) in seen:
                continue
            seen.add(str(one.get("id", "?")))
            under = made_under(job.card, one)
            others = tuple(dict.fromkeys(_protocol(other) for other in jobs))
            reason = f"Not run: it is made under {under}, and no job of this paper under that protocol is here."
            found.append(Judged(paper, job.card, "not run", None, one, reason, elsewhere=others))
    return found


def _elsewhere(job: Job, claim: Mapping[str, Any]) -> bool:
    """Whether a job of the paper is under another protocol than the claim."""
    under = made_under(job.card, dict(claim))
    return bool(under) and under != job.any_result["protocol"]["name"]


def _protocol(job: Job) -> str:
    return f"{job.any_result['protocol']['name']} v{job.any_result['protocol']['version']}"


def counts(found: Iterable[Judged]) -> dict[str, dict[str, int]]:
    """Paper -> gain, or status where there is none -> number of entries; every paper has every key."""
    out: dict[str, dict[str, int]] = {}
    for one in found:
        row = out.setdefault(one.paper, {key: 0 for key in (*GAINS, "not judged", "not run")})
        row[one.gain or one.status] += 1
    return out


def as_json(found: Sequence[Judged]) -> str:
    """``claims.json``: schema, what each key means, counts, and one object for each entry, keys as in `KEYS`."""
    plain = {
        "schema": SCHEMA,
        "keys": KEYS,
        "counts": counts(found),
        "claims": [as_dict(one) for one in found],
    }
    return json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def as_dict(one: Judged) -> dict[str, Any]:
    """One entry as plain data, keys as in `KEYS`, in that order."""
    claim, job = one.claim, one.job
    colour = one.colour()
    first = job.any_result if job else None
    answered = claim.as_dict() if claim and claim.difference else None
    difference = _difference(answered["difference"]) if answered else None
    causes = {cause["name"]: _within(cause) for cause in answered["causes"]} if answered else {}
    arms = one.card["arms"]
    values: dict[str, Any] = {
        "paper": one.paper,
        "claim": one.id,
        "text": str(one.plain.get("text", "")),
        "source": str(one.plain.get("source", "")),
        "arm": str(one.plain.get("arm", "")),
        "arm_label": claim.arm_label if claim else str(arms.get(one.plain.get("arm"), {}).get("label", "")),
        "against": str(one.plain.get("against", "")),
        "against_label": claim.against_label if claim else str(arms.get(one.plain.get("against"), {}).get("label", "")),
        "metric": str(one.plain.get("metric", "rank1")),
        "unit": claim.unit if claim else "points",
        "temporal": bool(one.plain.get("temporal", False)),
        "mechanism": list(one.plain.get("mechanism") or ()),
        "within": float(one.plain.get("within") or 0.0),
        "made_under": made_under(dict(one.card), dict(one.plain)) or None,
        "published": [dict(row) for row in one.plain.get("published") or ()],
        "status": one.status,
        "gain": one.gain,
        "gain_why": answered["gain_why"] if answered else "",
        "p_holm": answered["p_holm"] if answered else None,
        "gain_holm": answered["gain_holm"] if answered else None,
        "causes": causes,
        "headroom": [_within(found) for found in answered["headroom"]] if answered else [],
        "power": answered["power"] if answered else None,
        "reason": one.reason,
        "difference": difference,
        "colour": {**colour[0].as_dict(), "run_ids": list(colour[1])} if colour else None,
        "also_run_under": list(one.elsewhere),
        "dataset": first["dataset"]["name"] if first else None,
        "dataset_fingerprint": first["dataset"]["fingerprint"] if first else None,
        "synthetic": bool(first["dataset"]["synthetic"]) if first else None,
        "protocol": _protocol(job) if job else None,
        "profile": first["profile"] if first else None,
        "budget": first["budget"] if first else None,
        "changes": in_words(job.changes) if job else None,
        "seeds": difference["seeds"] if difference else [],
        "experiment": job.experiment if job else None,
        "parent_id": job.parent_id if job else None,
        "run_ids": list(run_ids(one)),
        "command": command(job) if job else None,
        "note": SYNTHETIC if job and job.synthetic else "",
    }
    return {key: values[key] for key in KEYS}


def command(job: Job) -> str:
    """What makes a job again."""
    return str(job.tags.get("command", job.any_result["command"]))


def run_ids(one: Judged) -> tuple[str, ...]:
    """Runs behind the numbers of an entry, each once."""
    if one.claim is None:
        return ()
    ids = [run for _, _, difference in one.claim.differences() for run in difference.run_ids]
    colour = one.colour()
    return tuple(dict.fromkeys([*ids, *(colour[1] if colour else ())]))


def _difference(plain: Mapping[str, Any]) -> dict[str, Any]:
    keys = ("mean", "low", "high", "p", "seeds", "queries", "identities", "run_ids")
    return {key: list(plain[key]) if isinstance(plain[key], tuple) else plain[key] for key in keys}


def _within(plain: Mapping[str, Any]) -> dict[str, Any]:
    """A cause or an oracle with its difference in short."""
    return {**plain, "difference": _difference(plain["difference"]) if plain["difference"] else None}


CSV_COLUMNS = (
    "paper", "claim", "status", "gain", "p_holm", "gain_holm", "dataset", "protocol", "profile", "budget", "changes",
    "metric", "unit", "arm", "against", "published_margin", "source", "difference", "low", "high", "p", "seeds",
    *(f"{name}{end}" for name in CAUSE_NAMES for end in ("", "_low", "_high", "_answer")),
    "mechanism", "oracle", "headroom", "headroom_low", "headroom_high", "share", "detectable", "seeds_for_margin",
    "seeds_for_quarter", "colour", "colour_low", "colour_high", "temporal", "within", "text", "reason", "parent_id",
    "run_ids", "command",
)  # fmt: skip


SEEDS = ("seeds_for_margin", "seeds_for_quarter")


def as_csv(found: Sequence[Judged]) -> str:
    """``claims.csv``: one row for each entry; differences at full precision, empty where nothing was measured."""
    text = io.StringIO()
    writer = csv.DictWriter(text, CSV_COLUMNS, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    for one in found:
        plain = as_dict(one)
        row = {key: "" if plain.get(key) is None else plain.get(key, "") for key in CSV_COLUMNS}
        margins = "; ".join(f"{m['dataset']} {float(m['margin']):+.2f}" for m in plain["published"])
        row |= {"published_margin": margins, "run_ids": " ".join(plain["run_ids"])}
        row |= {
            "seeds": " ".join(map(str, plain["seeds"])),
            "mechanism": " ".join(plain["mechanism"]),
            "headroom": "",
            "difference": "",
            "temporal": str(plain["temporal"]).lower(),
        }
        row |= _ends("difference", plain["difference"], plain=True)
        for name, cause in plain["causes"].items():
            row |= {f"{name}_answer": cause["answer"], **_ends(name, cause["difference"])}
        for oracle in [one for one in plain["headroom"] if one["difference"]][:1]:  # JSON has all of them
            share = "" if oracle["share"] is None else repr(oracle["share"])
            row |= {"oracle": oracle["oracle"], "share": share, **_ends("headroom", oracle["difference"])}
        power = plain["power"] or {}
        row |= {key: power[key] for key in ("detectable", *SEEDS) if power.get(key) is not None}
        row |= _ends("colour", plain["colour"])
        writer.writerow(row)
    return text.getvalue()


def _ends(name: str, found: Mapping[str, Any] | None, plain: bool = False) -> dict[str, Any]:
    """Mean and ends as three columns; ``plain`` ones have no prefix, and p beside them."""
    if found is None:
        return {}
    if plain:
        return {name: repr(found["mean"]), "low": repr(found["low"]), "high": repr(found["high"]), "p": found["p"]}
    return {name: repr(found["mean"]), f"{name}_low": repr(found["low"]), f"{name}_high": repr(found["high"])}


def headline(found: Sequence[Judged]) -> str:
    """The state of all claims in two sentences."""
    decided = [one for one in found if one.gain]
    papers = len({one.paper for one in found})
    total = f"{len({(one.paper, one.id) for one in found})} claims of {papers} {'paper' if papers == 1 else 'papers'}"
    if not decided:
        return f"None of {total} was judged."
    tally = Counter(str(one.gain) for one in decided)
    parts = [f"{tally[which]} {which}" for which in GAINS if tally[which]]
    where = sorted({data_label(one.job.any_result["dataset"]) for one in decided if one.job})
    return f"Of {total}, {len(decided)} gains were measured on {' and '.join(where)}: {', '.join(parts)}."
