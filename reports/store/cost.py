"""The latest cost record of a paper in the tracking store, put together from the runs of its arms."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from reports.records.cost import CostRecord, read
from reports.schema.json_form import readable
from reports.store.reader import Reader, remedy_of

if TYPE_CHECKING:
    from mlflow.entities import Run

PREFIX, FILE = "cost/", "cost.json"


def latest(reader: Reader, paper: str) -> CostRecord | None:
    """What `python -m runners.cost --track` last measured of a paper's arms, on whatever device; None if never.

    Raises:
        ReportError: a run of it lacks its record, or holds one of another form.
    """
    runs = [run for name in reader.experiments(PREFIX) for run in reader.benches(name, paper)]
    measurements: dict[str, list[Run]] = {}
    for run in sorted(runs, key=lambda run: (run.info.start_time, str(run.info.run_id))):
        measurements.setdefault(str(run.data.tags.get("measured", "")), []).append(run)
    complete = [measured for measured, together in measurements.items() if _is_complete(together)]
    if not complete:
        return None
    newest = measurements[max(complete)]
    whole: dict[str, Any] = {}
    arms: dict[str, dict[str, Any]] = {}
    for run in newest:
        with readable(f"{FILE} of run {run.info.run_id}", remedy_of(run)):
            whole = reader.json(run, FILE)
            read(whole, f"run {run.info.run_id}")
            for entry in whole["arms"]:
                arms.setdefault(entry["arm"], {**entry, "grids": []})["grids"].extend(entry["grids"])
    return read({**whole, "arms": list(arms.values())}, f"run {newest[-1].info.run_id}")


def _is_complete(measurement: "Sequence[Run]") -> bool:
    """Whether all runs of a measurement are there; one that was killed while it recorded leaves some of them."""
    together = str(measurement[0].data.tags.get("together", ""))
    return not together.isdecimal() or len(measurement) >= int(together)
