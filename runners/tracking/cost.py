"""Cost records in MLflow: one experiment a device, one run an arm and way, frames as the step of every metric."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from reports.schema.vocabulary import BENCH
from runners.tracking import connect, mlflow_writer
from runners.tracking.artifacts import json_bytes
from runners.tracking.runs import cleaned
from runners.tracking.tags_and_metrics import UNSETTLED

NOTE = "What arms cost at test time on one device. The step of a metric is the number of frames of a tracklet."
FILE = "cost.json"
_SETTLED = {"ms_p50": "ms_settled", "ms_p95": "ms_settled", "frames_per_s": "ms_settled", "ratio": "settled"}
"""What says of a figure whether it has settled; one that has not gets another name, as in `tracking_content`."""


def experiment_name(device: Mapping[str, Any]) -> str:
    """``cost/<device>``: only what was measured on the same device may be compared."""
    slug = re.sub(r"[^a-z0-9]+", "-", str(device.get("name", device["device"])).lower()).strip("-")
    return f"cost/{slug or device['device']}"


def track(record: Mapping[str, Any], uri: str | None) -> list[str]:
    """Record every arm and way as a run with the whole record beside it; returns their ids.

    Raises:
        RunError: the store cannot be used.
        NotPossible: a server does not answer.
    """
    store = mlflow_writer.open_store(uri)
    experiment = store.experiment(experiment_name(record["device"]), {"mlflow.note.content": NOTE})
    with connect.held(store.uri):
        store.remove_half_made(experiment, f"tags.kind = '{BENCH}'")
        return list(_runs(store, experiment, record))


def _runs(store: mlflow_writer.Store, experiment: str, record: Mapping[str, Any]) -> Iterator[str]:
    """Make a run for each arm and way; gives their ids."""
    client = store.client
    together = sum(len(entry["grids"]) for entry in record["arms"])
    for entry in record["arms"]:
        for grid in entry["grids"]:
            tags = {
                "kind": BENCH, "paper": record["paper"], "arm": entry["arm"], "way": grid["way"]["name"],
                "device": str(record["device"].get("name", "")), "command": record["command"],
                "code_sha": str(record["environment"].get("code_sha", "")), "measured": record["measured"],
                "together": str(together),
            }  # fmt: skip
            name = f"{record['paper']}/{entry['arm']} {tags['way']}"
            run = client.create_run(experiment, tags=cleaned(tags), run_name=name)
            metrics = [("cost/params_m", grid["params_m"], 0), *_metrics(record, grid)]
            store.log(run.info.run_id, metrics=metrics, params=_params(record, entry, grid))
            own = {**record, "arms": [{**entry, "grids": [grid]}]}
            store.artifacts.write(run.info.run_id, {FILE: json_bytes(own)})
            client.set_terminated(run.info.run_id)
            yield str(run.info.run_id)


def _params(record: Mapping[str, Any], entry: Mapping[str, Any], grid: Mapping[str, Any]) -> dict[str, str]:
    return {
        "paper": record["paper"], "arm": entry["arm"], "label": entry["label"], "way": grid["way"]["name"],
        "size": "x".join(map(str, record["size"])), "device": str(record["device"].get("name", "")),
        "threads": str(record["device"].get("threads", "")), "torch": str(record["device"].get("torch", "")),
    }  # fmt: skip


def _metrics(record: Mapping[str, Any], grid: Mapping[str, Any]) -> Iterator[tuple[str, float, int]]:
    where = record["device"]["device"]
    names = {
        "gmacs": "cost/gmacs_per_call", "ms_p50": f"latency/{where}_ms_p50", "ms_p95": f"latency/{where}_ms_p95",
        "ratio": f"latency/{where}_ratio", "frames_per_s": f"throughput/{where}_frames_per_s",
        "peak_memory_mb": f"memory/{where}_peak_mb",
    }  # fmt: skip
    for cell in grid["cells"]:
        for key, name in names.items():
            if cell.get(key) is not None:
                doubt = UNSETTLED if cell.get(_SETTLED.get(key, "")) is False else ""
                yield f"{name}{doubt}/batch_{cell['batch']}", float(cell[key]), int(cell["frames"])
