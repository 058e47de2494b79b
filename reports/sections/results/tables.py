"""The tables of a job's accuracies: results, and ranking conventions side by side."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from protocols.vocabulary import WITH_INTERVALS
from reports.render.estimate import estimate
from reports.render.table import Cell, Column, Estimate, Row, Table
from reports.schema import times
from reports.schema.metrics import METRIC_LABELS, headline_side
from reports.store import cards, repairer_names
from reports.store.arm import Group
from reports.store.job import Job

DATASET_LABELS = {
    "mars": "MARS", "synthwalk": "SynthWalk", "duke": "DukeMTMC-VideoReID", "ilids": "iLIDS-VID", "prid": "PRID 2011",
    "ls-vid": "LS-VID", "lsvid": "LS-VID", "ilids-csa": "iLIDS-VID, CSA's halves", "prid-200": "PRID 2011, 200 people",
}  # fmt: skip
DRAWN_AS = "synthwalk-"  # SynthWalk in the layout of another data set

SHOWN = WITH_INTERVALS  # metrics that stand in tables with their intervals and published numbers
PRECISION_WORDS = {
    "fp32": "fp32 (float32, no TF32)",
    "tf32": "tf32 (products of float32 rounded to TF32)",
    "bf16": "bf16 (products in bfloat16, weights in float32)",
    "fp16": "fp16 (products in float16, weights in float32, losses scaled)",
}
SIDE_WORDS = {
    "I2V": "image query, video gallery",
    "I2I": "image query, image gallery",
    "V2V": "video query, video gallery",
    "V2I": "video query, image gallery",
}


def dataset_label(name: str) -> str:
    """The data set's own spelling."""
    if name.startswith(DRAWN_AS):
        return f"SynthWalk as {dataset_label(name.removeprefix(DRAWN_AS))}"
    return DATASET_LABELS.get(name, name)


def data_label(dataset: Mapping[str, Any]) -> str:
    """A recorded data set with the world where one was drawn: ``SynthWalk (embedded-2)``.

    Args:
        dataset: ``dataset`` of a result record; those of before had no ``world``.
    """
    world = f" ({dataset['world']})" if dataset.get("world") else ""
    return f"{dataset_label(dataset['name'])}{world}"


def scored_under(job: Job) -> str:
    """For a caption: data set and protocol, without which a number is none."""
    first = job.any_result
    protocol = first["protocol"]
    return f"{data_label(first['dataset'])}, {protocol['name']} v{protocol['version']}"


def results(job: Job) -> Table:
    """Measured with intervals, published beside it, delta where the data set is the same, cost."""
    here = job.any_result["dataset"]["name"]
    reported = cards.published_dataset(job.card, here)
    protocol = job.any_result["protocol"]
    ranks_only, heads = job.one_match, [group for group in job.groups if len(group.head_seeds) > 1]
    columns = [
        Column("arm", "Arm"),
        *([Column("trained_on", "Trained on"), Column("tested_on", "Tested on")] if job.repaired else []),
        Column("start", "Start"),
        Column("mAP", "mAP", "estimate", unit="%", data_only=ranks_only),
        *([Column("std_splits_mAP", "SD over splits", "number", data_only=ranks_only)] if job.splits else []),
        Column("rank1", "Rank-1", "estimate", unit="%"),
        *([Column("std_splits_rank1", "SD over splits", "number")] if job.splits else []),
        Column("rank5", "Rank-5", "number", unit="%", data_only=job.repaired),  # there is little room
        *([Column("rank10", "Rank-10", "number", unit="%"), Column("rank20", "Rank-20", "number", unit="%")]
          if ranks_only else []),
        Column("seeds", "Seeds", "number"),
        Column("std_mAP", "SD of mAP over seeds", "number", decimals=2, data_only=ranks_only),
        *([Column("std_rank1", "SD of Rank-1 over seeds", "number", decimals=2)] if ranks_only else []),
        *([Column("std_heads_mAP", "SD of mAP over heads of a seed", "number", decimals=2, data_only=True)] if heads
          else []),
    ]  # fmt: skip
    if reported:
        where = f"published on {dataset_label(reported)}"
        columns += [
            Column("published_mAP", f"mAP {where}", "number", decimals=2, data_only=ranks_only),
            Column("published_rank1", f"Rank-1 {where}", "number", decimals=2),
            Column("published_in", "Published in", data_only=True),
        ]
    if reported == here:
        columns += [
            Column("delta_mAP", "Δ mAP", "number", signed=True, data_only=ranks_only),
            Column("delta_rank1", "Δ Rank-1", "number", signed=True),
        ]
    timed = times.of([group.first["cost"] for group in job.in_results])
    columns += [
        Column("gmacs_per_frame", "GMACs a frame", "number", decimals=3),
        Column("params_m", "Params", "number", decimals=2, unit="M"),
        *times.columns(timed),
        *([Column("precision", "Computed in")] if any(group.precision for group in job.in_results) else []),
    ]
    keys = [column.key for column in columns]
    rows = tuple(_result_row(job, group, one, keys, reported) for group, one in zip(job.in_results, timed, strict=True))
    measured = f"{protocol['name']} v{protocol['version']}: {describe_protocol(protocol)}"
    drawn = data_label(job.any_result["dataset"])
    notes = [f"Measured on {drawn} under {measured}. Ranges: 95 % intervals, identities resampled."]
    if heads:
        trunks, each = len(heads[0].seeds), len(heads[0].head_seeds)
        notes.append(
            f"Seeds {trunks} × {each}: {trunks} trained {'trunk' if trunks == 1 else 'trunks'} with {each} heads each, "
            "which are resampled within their trunk."
        )
    notes += _splits(job)
    notes += _sources(columns, rows)
    notes += _data(job)
    notes += _fed(job)
    notes += _computed(job)
    notes += _uniform(job)
    if any("of" in group.first["cost"] for group in job.in_results):
        notes.append("Controls show the cost of their arm; they were not measured separately.")
    own = [
        (group.label, one) for group, one in zip(job.in_results, timed, strict=True) if "of" not in group.first["cost"]
    ]
    notes += times.notes(own)
    if reported and reported != here:
        notes.append(
            f"Published numbers were obtained on {dataset_label(reported)}; measured ones here are of "
            f"{dataset_label(here)}, so only the order of arms and the gains can be compared."
        )
    side = headline_side(protocol)
    caption = f"Measured and published accuracy, {dataset_label(here)}" + (f", side {side}" if side else "")
    return Table("results", caption, tuple(columns), rows, tuple(notes))


def _splits(job: Job) -> list[str]:
    """What is averaged, and why mAP is not shown where it tells nothing."""
    found = []
    if job.splits:
        number = len(job.splits)
        found.append(
            f"Numbers are means over {'1 split' if number == 1 else f'{number} splits'} of the data, each counting the "
            "same, with a network of its own for each; SD: sample standard deviation over splits (of means over "
            "seeds). A person may be tested in several splits; its queries in all of them are resampled together."
        )
    if job.one_match:
        formula = "1/r" if job.any_result["protocol"]["ap"] == "step" else "1 at rank 1, else 1/2r"
        found.append(
            f"Every query has one match. Its average precision follows from the rank r of that match ({formula}) and "
            "says nothing beside the CMC, so mAP stands in the files alone; a claim about mAP is judged on it."
        )
    return found


def published_notes(job: Job, groups: list[Group], reported: str | None, sides: tuple[str, ...]) -> list[str]:
    """Where the published numbers of some sides stand, once where all arms share it.

    Args:
        job: with its card.
        groups: arms.
        reported: data set that the numbers were published for; None where there is none.
        sides: such as "V2V".
    """
    found: dict[str, list[str]] = {}
    for group in groups:
        words = published_in(job, group, reported, sides)
        if words:
            found.setdefault(words, []).append(group.label)
    return _notes_by_label("Published", found, len(found) == 1)


def published_in(job: Job, group: Group, reported: str | None, sides: tuple[str | None, ...]) -> str | None:
    """Sources and conventions of the numbers that are shown of an arm on these sides (`None`: without one).

    Args:
        job: with its card.
        group: an arm.
        reported: data set that the numbers were published for; None where there is none.
        sides: such as "V2V"; None is without one.
    """
    if group.control or reported is None:
        return None
    shown = [f"{side or ''}/{metric}".lstrip("/") for side in sides for metric in SHOWN]
    if None in sides and not cards.published_values(job.card, group.name, reported).keys() & set(SHOWN):
        shown = [f"V2V/{metric}" for metric in SHOWN]
    first: dict[str, dict[str, Any]] = {}
    for row in cards.published_rows(job.card, group.name):
        if row["dataset"] == reported and row["metric"] in shown:
            first.setdefault(row["metric"], row)  # a card may print a number again; the first one is shown
    sources = {row["source"]: cards.describe_convention(row.get("convention") or {}) for row in first.values()}
    return "; ".join(f"{source} ({words})" for source, words in sources.items()) or None


def _notes_by_label(what: str, found: dict[str, list[str]], of_all: bool) -> list[str]:
    """One note where all arms share it, else one note for each text with the arms that it is about."""
    if of_all:
        return [f"{what}: {text}." for text in found]
    return [f"{what} for {'; '.join(labels)}: {text}." for text, labels in found.items()]


def _data(job: Job) -> list[str]:
    """What data other than raw are, and what a cost beside them leaves out."""
    if not job.repaired:
        return []
    return [
        "Trained on, tested on: the data as they are (raw), or as a repairer left them, queries and gallery alike. "
        "Costs are those of the network that is tested; finding and repairing what is hidden comes before and is not "
        "in them."
    ]


def _fed(job: Job) -> list[str]:
    """What each arm was shown at test time, as far as it was recorded."""
    found: dict[str, list[str]] = {}
    for group in job.in_results:
        if group.first.get("fed"):
            found.setdefault(str(group.first["fed"]).rstrip("."), []).append(group.label)
    networks = [group for group in job.in_results if group.control != "colour"]
    everybody = len(found) == 1 and sum(map(len, found.values())) >= len(networks)
    return [note.replace("Fed for", "Fed to") for note in _notes_by_label("Fed", found, everybody)]


def _computed(job: Job) -> list[str]:
    """In what numbers the networks were trained and run, as far as it was recorded."""
    found: dict[str, list[str]] = {}
    for group in job.in_results:
        if group.precision:
            found.setdefault(PRECISION_WORDS.get(group.precision, group.precision), []).append(group.label)
    return _notes_by_label("Computed", {f"in {words}": labels for words, labels in found.items()}, len(found) == 1)


def _uniform(job: Job) -> list[str]:
    """What the control with uniform weights is, where it stands beside an arm that does not claim to use time."""
    owners = [str(group.first["of"]) for group in job.groups if group.control == "uniform"]
    still = [name for name in owners if not job.card["arms"].get(name, {}).get("temporal")]
    if not still:
        return []
    return [
        "Uniform weights: the same trained network with every attention weight replaced by the mean over what it "
        "weighs, so that a mask still dims or brightens a frame but points nowhere. It shows what the learnt weights "
        "bring."
    ]


def _sources(columns: list[Column], rows: tuple[Row, ...]) -> list[str]:
    """Where the published numbers stand, once where all rows share it."""
    places = {column.key: index for index, column in enumerate(columns)}
    if "published_in" not in places:
        return []
    found: dict[str, list[str]] = {}
    for row in rows:
        source = row.cells[places["published_in"]]
        if source is not None:
            found.setdefault(str(source), []).append(str(row.cells[0]))
    return _notes_by_label("Published", found, len(found) == 1)


def describe_protocol(protocol: dict[str, Any]) -> str:
    """The headline convention in words."""
    normalise = protocol.get("normalise")
    normalised = ", L2-normalised" if normalise in (True, "yes") else ""
    frames = f", test frames: {protocol['test_frames']}" if protocol.get("test_frames") else ""
    cut = protocol.get("snippets")
    if cut:
        frames = f", test frames: snippets of {cut['length']}, rest {cut['rest']}, mean over {cut['mean']}"
    side = headline_side(protocol)
    if side:
        frames += f"; side {side}: {SIDE_WORDS[side]}"
    return (
        f"{protocol['gallery']} gallery, {protocol['ap']} AP, queries without a match: {protocol['empty']}, "
        f"{protocol['metric']} distance{normalised}{frames}"
    )


def _result_row(job: Job, group: Group, time: times.Time | None, keys: list[str], reported: str | None) -> Row:
    means = [group.values(metric).mean(axis=-1).reshape(len(group.seeds), -1) for metric in SHOWN]  # [S, K] each
    precision, first = (one.mean(axis=1) for one in means)
    side = headline_side(job.any_result["protocol"])
    ours = reported is not None and not group.control
    published = cards.published_on_side(job.card, group.name, str(reported), side) if ours else {}
    values: dict[str, Cell] = {
        "arm": group.label,
        "trained_on": repairer_names.label(job, group.data.train) if group.control != "colour" else None,
        "tested_on": repairer_names.label(job, group.data.test),
        "mAP": estimate(group, "mAP"),
        "rank1": estimate(group, "rank1"),
        **{f"rank{rank}": float(group.values(f"rank{rank}").mean()) for rank in (5, 10, 20)},
        "start": group.start or None,
        "seeds": group.seed_count,
        "std_heads_mAP": math.sqrt(means[0].var(axis=1, ddof=1).mean()) if means[0].shape[1] > 1 else None,
        "precision": group.precision or None,
        "std_mAP": float(precision.std(ddof=1)) if len(precision) > 1 else None,
        "std_rank1": float(first.std(ddof=1)) if len(first) > 1 else None,
        **{f"std_splits_{metric}": over_splits(group, metric) for metric in SHOWN},
        "published_mAP": published.get("mAP"),
        "published_rank1": published.get("rank1"),
        "published_in": published_in(job, group, reported, (side,)),
    }
    for metric in WITH_INTERVALS:
        measured = values[metric]
        if metric in published and isinstance(measured, Estimate):
            values[f"delta_{metric}"] = measured.mean - published[metric]
    cost = group.first["cost"]
    values |= {"gmacs_per_frame": cost.get("gmacs_per_frame"), "params_m": cost.get("params_m")}
    values |= time.cells() if time else {}
    kind = group.control or job.card["arms"].get(group.name, {}).get("role", "")
    cells = tuple(values.get(key) for key in keys)
    return Row(cells, kind, group.run_ids, group.findings)


def over_splits(group: Group, metric: str) -> float | None:
    """Sample standard deviation over divisions, of means over seeds; ``None`` of fewer than two."""
    values = group.by_split(metric).mean(axis=0)
    return float(values.std(ddof=1)) if len(values) > 1 else None


def conventions(job: Job, metric: str) -> Table:
    """The same descriptors under every ranking convention, arms side by side; the last row is the spread."""
    arms = [group for group in job.arms() if group.first["conventions"]]
    protocol = job.any_result["protocol"]
    keys = [key for key in ("gallery", "ap", "empty", "metric") if any(key in c for c in _conventions(arms))]
    if metric != "mAP":
        keys = [key for key in keys if key != "ap"]
    titles = {"gallery": "Gallery", "ap": "AP", "empty": "Query without match", "metric": "Distance"}
    columns = [Column(key, titles[key]) for key in keys]
    columns += [Column(group.name, group.label, "number", unit="%") for group in arms]
    seen: dict[tuple[str, ...], list[Cell]] = {}
    for choice in dict.fromkeys(tuple(str(c.get(key)) for key in keys) for c in _conventions(arms)):
        seen[choice] = [_convention_mean(group, keys, choice, metric) for group in arms]
    headline = tuple(str(protocol.get(key)) for key in keys)
    rows = [Row((*choice, *cells), "headline" if choice == headline else "") for choice, cells in seen.items()]
    spread = [_spread([cells[index] for cells in seen.values()]) for index in range(len(arms))]
    if rows:
        rows.append(Row(("spread", *[None] * (len(keys) - 1), *spread), "spread"))
    name = METRIC_LABELS[metric]
    runs = tuple(run for group in arms for run in group.run_ids)
    caption = f"{name} under every ranking convention"
    return Table(f"conventions_{metric}", caption, tuple(columns), tuple(rows), run_ids=runs)


def _conventions(groups: list[Group]) -> list[dict[str, Any]]:
    return [convention for group in groups for convention in group.first["conventions"]]


def _convention_mean(group: Group, keys: list[str], choice: tuple[str, ...], metric: str) -> float | None:
    values = [
        float(one[metric])
        for run in group.counted_runs
        for one in run.result["conventions"]
        if tuple(str(one.get(key)) for key in keys) == choice and one[metric] is not None
    ]
    return statistics.fmean(values) if values else None


def _spread(cells: list[Cell]) -> float | None:
    values = [cell for cell in cells if isinstance(cell, float)]
    return max(values) - min(values) if values else None


def split_count(job: Job) -> str:
    """``3 of 10 splits``; of a data set with several divisions."""
    return f"{len(job.splits)} of {job.any_result['dataset']['splits']['of']} splits"


def split_ranges(splits: Sequence[int]) -> str:
    """Numbers in few words: ``0 to 9``, ``0, 3``."""
    if len(splits) > 2 and splits[-1] - splits[0] == len(splits) - 1:
        return f"{splits[0]} to {splits[-1]}"
    return ", ".join(map(str, splits))
