"""The latest cost record of a paper in the tracking store, put together from the runs of its arms."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from reports.cost_records import CostRecord, read
from reports.shapes import readable
from reports.store import remedy_of

if TYPE_CHECKING:
    from mlflow.entities import Run

    from reports.store import Reader

PREFIX, FILE = "cost/", "cost.json"


def latest(reader: "Reader", paper: str) -> CostRecord | None:
    """What `python -m runners.cost --track` last measured of a paper's arms, on whatever device; None if never.

    Raises:
        ReportError: a run of it lacks its record, or holds one of another form.
    """
    runs = [run for name in reader.experiments(PREFIX) for run in reader.benches(name, paper)]
    if not runs:
        return None
    whole_ones = [run for run in runs if _is_whole(run, runs)]
    if not whole_ones:
        return None
    newest = max(whole_ones, key=_measured)
    same = [run for run in runs if _measured(run) == _measured(newest)]
    order = sorted(same, key=lambda run: (run.info.start_time, str(run.info.run_id)))
    whole: dict[str, Any] = {}
    arms: dict[str, dict[str, Any]] = {}
    for run in order:
        with readable(f"{FILE} of run {run.info.run_id}", remedy_of(run)):
            whole = reader.json(run, FILE)
            read(whole, f"run {run.info.run_id}")
            for entry in whole["arms"]:
                arms.setdefault(entry["arm"], {**entry, "grids": []})["grids"].extend(entry["grids"])
    return read({**whole, "arms": list(arms.values())}, f"run {newest.info.run_id}")


def _is_whole(run: "Run", runs: "Sequence[Run]") -> bool:
    """Whether all runs of its measurement are there; one that was killed while it recorded leaves some of them."""
    together = str(run.data.tags.get("together", ""))
    same = [one for one in runs if _measured(one) == _measured(run)]
    return not together.isdecimal() or len(same) >= int(together)


def _measured(run: "Run") -> str:
    return str(run.data.tags.get("measured", ""))
