"""What MLflow records of a result: tags, parameters, metrics, a description; all copied.

Pure functions.  MLflow sorts by name and cuts long names, so names are few and short, accuracies are in
percent, and every run carries the same tags (a filter on a tag misses the runs that lack it).
"""

import hashlib
import json
import math
import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from protocols.vocabulary import ACCURACIES, WITH_INTERVALS
from reports.records.result import SCHEMA
from reports.schema.metrics import METRIC_LABELS
from reports.schema.vocabulary import CHILD, PARENT, RAW
from reports.store.arm import start_of
from reports.store.cards import published_dataset, published_values

CURVE_POINTS = 200  # per curve in MLflow; the whole log is an artifact
DECIMALS = 6  # so that 63.75 does not show as 63.74999999999999; the record keeps every digit
COSTS = ("gmacs_per_frame", "params_m")  # the compare page shows seven rows by name, and test/... comes last
LATENCIES = ("cpu_ms_p50", "gpu_ms_p50")
UNSETTLED = "_unsettled"

EXPERIMENT_NOTE = (
    "Rows of this experiment share data set and protocol, so they may be compared. A parent run is one "
    "paper; its children are arms by seed. In this list: add the columns test/mAP and test/rank1; open a "
    "parent with its arrow. Accuracies are in percent."
)
EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development", "mlflow.note.content": EXPERIMENT_NOTE}


def digest(value: Any, length: int = 32) -> str:
    """Hex digest of nested plain data, the same for equal content."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def job_fingerprint(
    paper: str,
    dataset: Mapping[str, Any],
    protocol: Mapping[str, Any],
    profile: str,
    budget: str,
    changes: Mapping[str, str],
) -> str:
    """What a job is found again by: all that makes its results others than those of another job of the same arms.

    Args:
        paper: its key.
        dataset, protocol: as in the result of an arm.
        profile: of the recipes.
        budget: which one, of the job.
        changes: what options change for every arm; see `runners.plan.plan_types.JobConfig`.
    """
    identity = [paper, dataset["name"], dataset["fingerprint"], protocol["name"], protocol["version"]]
    changed = [f"{name} {value}" for name, value in sorted(changes.items())]
    return digest([*identity, profile, budget, *changed])


def experiment_name(dataset: str, protocol: str) -> str:
    """One experiment holds only rows that may be compared."""
    return f"reid/{dataset}/{protocol}"


def arm_name(result: Mapping[str, Any]) -> str:
    """The arm with its control: ``gltr``, ``gltr-shuffled``, ``colour``."""
    control = result["control"]
    if control is None:
        return str(result["arm"])
    owner = result["of"]
    return f"{owner}-{control}" if owner else str(control)


def run_name(result: Mapping[str, Any]) -> str:
    """Short, the distinguishing part first: the runs table cuts names at about 14 characters."""
    split = f" split {result['split']['number']}" if "split" in result else ""
    head = f" h{result['head_seed']}" if result.get("head_seed") else ""
    return f"{arm_name(result)} s{result['seed']}{head}{split}"


def common_tags(
    dataset: Mapping[str, Any], protocol: Mapping[str, Any], environment: Mapping[str, Any]
) -> dict[str, str]:
    """Tags that parents and children share."""
    device = environment.get("device")
    name = device.get("name") if isinstance(device, Mapping) else device
    return {
        "dataset": str(dataset["name"]),
        "dataset_version": str(dataset.get("version", "")),
        **({"world": str(dataset["world"])} if dataset.get("world") else {}),
        "protocol": str(protocol["name"]),
        "protocol_version": str(protocol["version"]),
        "code_sha": str(environment.get("code_sha") or "unknown"),
        "dirty": str(bool(environment.get("dirty", False))).lower(),
        "device": str(name or environment.get("processor") or "unknown"),
        "reproid.schema": str(SCHEMA),
        "mlflow.source.type": "LOCAL",
    }


def parent_tags(
    paper: str,
    dataset: Mapping[str, Any],
    protocol: Mapping[str, Any],
    environment: Mapping[str, Any],
    profile: str,
    budget: str,
    command: str,
) -> dict[str, str]:
    """Tags of a job; those that belong to one arm say so, because a filter misses runs without the tag.

    Args:
        paper: its name.
        dataset, protocol, environment: as in the result of an arm.
        profile: of the recipes.
        budget: which one, of the job.
        command: as typed.
    """
    return common_tags(dataset, protocol, environment) | {
        "kind": PARENT,
        "paper": paper,
        "method": paper,
        "arm": "all",
        "control": "none",
        "of": "none",
        "seed": "all",
        "head_seed": "all",
        "split": "all",
        **({"splits": _splits_tag(dataset["splits"])} if "splits" in dataset else {}),
        "start": "all",
        "trained_on": "all",
        "tested_on": "all",
        "profile": profile,
        "budget": budget,
        "status": "running",
        "command": command[:5000],
        "mlflow.source.name": command.split(" --", maxsplit=1)[0][:500] or "reproid",
    }


def child_tags(result: Mapping[str, Any]) -> dict[str, str]:
    """Tags of one arm with one seed."""
    return common_tags(result["dataset"], result["protocol"], result["environment"]) | {
        "kind": CHILD,
        "paper": str(result["paper"]),
        "method": str(result["method"]),
        "arm": str(result["arm"]),
        "label": str(result["label"]),
        "control": str(result["control"] or "none"),
        "of": str(result["of"] or "none"),
        "profile": str(result["profile"]),
        "budget": str(result["budget"]),
        "precision": str(result.get("precision", "none")),
        "start": _start(result),
        "seed": str(result["seed"]),
        "head_seed": str(result.get("head_seed", 0)),
        "split": str(result["split"]["number"] if "split" in result else 0),
        "trained_on": str((result.get("data") or {}).get("train", RAW)),
        "tested_on": str((result.get("data") or {}).get("test", RAW)),
        "fingerprint": str(result["fingerprint"]),
        "command": str(result["command"])[:5000],
        "mlflow.source.name": str(result["command"]).split(" --", maxsplit=1)[0][:500] or "reproid",
    }


def _start(result: Mapping[str, Any]) -> str:
    """What the network began with, by name; ``none`` of what has no network."""
    return start_of(result) if result["stages"] else "none"


def _splits_tag(splits: Mapping[str, Any]) -> str:
    """``0 1 2 of 10``."""
    return f"{' '.join(map(str, splits['numbers']))} of {splits['of']}"


def child_params(result: Mapping[str, Any]) -> dict[str, str]:
    """Few parameters, the ones that may differ between compared runs, and a digest of the rest."""
    params = {
        "arm": result["arm"],
        "method": result["method"],
        "reading": result["reading"],
        "control": result["control"] or "none",
        "seed": result["seed"],
        "head_seed": result.get("head_seed", 0),
        "dataset": result["dataset"]["name"],
        "protocol": f"{result['protocol']['name']} v{result['protocol']['version']}",
        "profile": result["profile"],
        "budget": result["budget"],
        "size": "x".join(str(side) for side in result["size"]),
        "precision": result.get("precision", "none"),
        "start": _start(result),
        "config": result["fingerprint"][:12],
    }
    if "split" in result:
        params["split"] = result["split"]["number"]
    if result.get("data"):
        params |= {"trained_on": result["data"]["train"], "tested_on": result["data"]["test"]}
    params |= {f"option.{name}": value for name, value in result["options"].items()}
    return {name: str(value)[:6000] for name, value in params.items()}


def child_metrics(result: Mapping[str, Any], card: Mapping[str, Any]) -> dict[str, float]:
    """The final numbers, and the published ones beside them.

    ``delta/...`` is measured minus published in points; it exists only where the paper reports the same data
    set, because a difference across data sets means nothing.  Numbers of another data set are called by it,
    ``published_mars/...``.
    """
    metrics = {f"test/{name}": result["metrics"][name] for name in ACCURACIES if name in result["metrics"]}
    for side, one in result.get("sides", {}).items():
        metrics |= {f"test/{side}/{name}": one[name] for name in ACCURACIES if name in one}
    for name, (low, high) in result["intervals"].items():
        metrics |= {f"test/{name}_low": low, f"test/{name}_high": high}
    if result["control"] is None:
        measured_on = result["dataset"]["name"]
        published_on = published_dataset(card, measured_on)
        for name, value in published_values(card, result["arm"], published_on or "").items():
            if published_on != measured_on:
                metrics[safe_key(f"published_{published_on}/{name}")] = value
                continue
            metrics[f"published/{name}"] = value
            if name in result["metrics"]:
                metrics[f"delta/{name}"] = result["metrics"][name] - value
    cost = result["cost"]
    latency = cost.get("latency") or {}
    metrics |= {f"cost/{name}": cost[name] for name in COSTS if cost.get(name) is not None}
    doubt = UNSETTLED if latency.get("ms_settled") is False else ""  # under another name no chart draws it as a time
    metrics |= {f"latency/{name}{doubt}": latency[name] for name in LATENCIES if latency.get(name) is not None}
    return {name: round(float(value), DECIMALS) for name, value in metrics.items()}


def curve_points(train_log: Sequence[Mapping[str, Any]]) -> list[tuple[str, float, int]]:
    """Training curves as ``(train/<stage>/<what>, value, step)``, thinned evenly to 200 points a curve.

    A row of the log holds ``stage``, ``step`` and numbers; the last row of a stage is always kept.
    """
    curves: dict[str, list[tuple[float, int]]] = {}
    for index, row in enumerate(train_log):
        stage, step = str(row.get("stage", "")), int(row.get("step", index))
        for key, value in row.items():
            if key in ("stage", "step", "epoch", "seconds") or isinstance(value, bool | str) or value is None:
                continue
            name = safe_key("/".join(part for part in ("train", stage, key) if part))
            curves.setdefault(name, []).append((float(value), step))
    points = []
    for name, curve in sorted(curves.items()):
        stride = math.ceil(len(curve) / CURVE_POINTS)
        kept = curve[::-1][::stride][::-1]
        points += [(name, value, step) for value, step in kept]
    return points


def clean(text: str) -> str:
    """A text that any database takes: what is no Unicode, as in a path of other bytes, becomes a question mark."""
    return text.encode("utf-8", "replace").decode()


def safe_key(text: str) -> str:
    """A name that MLflow accepts everywhere: letters, digits, ``_ - . /``."""
    return re.sub(r"[^A-Za-z0-9_./-]+", "-", text).strip("-/")


def aggregate_metrics(runs: Iterable[tuple[Mapping[str, str], Mapping[str, float]]]) -> dict[str, float]:
    """Mean over all runs of every arm, for the parent run, and how far they spread.

    ``mAP_std/<arm>`` is the standard deviation over seeds (from two on), of means over heads, and over splits where
    there are several; ``mAP_std_splits/<arm>`` that over splits, of means over seeds. Every split weighs the same.
    ``mAP_std_heads/<arm>`` is the standard deviation of heads on one trunk, pooled over trunks.

    Args:
        runs: tags and MLflow metrics of the children, one for each arm, control, seed, head seed and split.
    """
    groups: dict[str, list[tuple[str, str, str, Mapping[str, float]]]] = {}
    for tags, metrics in runs:
        plain = {"arm": tags["arm"], "control": _none(tags["control"]), "of": _none(tags["of"])}
        place = tags["seed"], tags.get("split", "0"), tags.get("head_seed", "0")
        groups.setdefault(arm_name(plain), []).append((*place, metrics))
    found: dict[str, float] = {}
    for name, group in sorted(groups.items()):
        for metric in WITH_INTERVALS:
            values = [(seed, split, metrics[f"test/{metric}"]) for seed, split, _, metrics in group]
            within = _within([(seed, head, metrics[f"test/{metric}"]) for seed, _, head, metrics in group])
            by_seed, by_split = _means(values, 0), _means(values, 1)
            found[safe_key(f"{metric}/{name}")] = statistics.fmean(by_split)
            if len(by_seed) > 1:
                found[safe_key(f"{metric}_std/{name}")] = statistics.stdev(by_seed)
            if len(by_split) > 1:
                found[safe_key(f"{metric}_std_splits/{name}")] = statistics.stdev(by_split)
            if within is not None:
                found[safe_key(f"{metric}_std_heads/{name}")] = within
    return found


def _means(values: Iterable[tuple[str, str, float]], place: int) -> list[float]:
    """Means of the values that share their seed (0) or their split (1), in order of appearance."""
    parts: dict[str, list[float]] = {}
    for one in values:
        parts.setdefault(str(one[place]), []).append(one[2])
    return [statistics.fmean(part) for part in parts.values()]


def _within(values: Iterable[tuple[str, str, float]]) -> float | None:
    """Standard deviation of heads, of means over splits, around the mean of their seed; None of one head a seed."""
    trunks: dict[str, dict[str, list[float]]] = {}
    for seed, head, value in values:
        trunks.setdefault(seed, {}).setdefault(head, []).append(value)
    means = [[statistics.fmean(head) for head in heads.values()] for heads in trunks.values()]
    freedom = sum(len(heads) - 1 for heads in means)
    return (
        math.sqrt(sum((len(m) - 1) * statistics.variance(m) for m in means if len(m) > 1) / freedom)
        if freedom
        else None
    )


def _none(tag: str) -> str | None:
    return None if tag == "none" else tag


def child_note(result: Mapping[str, Any]) -> str:
    """The run's description, in Markdown."""
    what = f"**{result['label']}**" + (f" with control *{result['control']}*" if result["control"] else "")
    protocol, dataset = result["protocol"], result["dataset"]
    rows = []
    for name in ACCURACIES:
        if name in result["metrics"]:
            interval = result["intervals"].get(name)
            around = f"{interval[0]:.2f} to {interval[1]:.2f}" if interval else ""
            rows.append(f"| {METRIC_LABELS[name]} | {result['metrics'][name]:.2f} | {around} |")
    return "\n".join(
        [
            f"{what}, seed {result['seed']}{_of_head(result)}, on "
            f"{dataset['name']} {dataset['version']}{_of_world(dataset)}{_of_split(result)} under "
            f"`{protocol['name']}` v{protocol['version']} ({protocol['metric']} distance, "
            f"{protocol['gallery']} gallery, {protocol['ap']} AP).",
            "",
            "| metric | % | 95 % interval |",
            "|---|---|---|",
            *rows,
            "",
            "Made by",
            "```",
            str(result["command"]),
            "```",
            "`result.json` is the record; every number here is copied from it.",
        ]
    )


def _of_head(result: Mapping[str, Any]) -> str:
    """Which head on the trunk of the seed, where it is a further one."""
    return f", head {result['head_seed']}" if result.get("head_seed") else ""


def _of_world(dataset: Mapping[str, Any]) -> str:
    """Which world, where one was drawn."""
    return f" (world {dataset['world']})" if dataset.get("world") else ""


def _of_split(result: Mapping[str, Any]) -> str:
    """Which division of the data, where there are several."""
    return f", split {result['split']['number']} of 0 to {result['split']['of'] - 1}," if "split" in result else ""
