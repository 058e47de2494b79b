"""Descriptors of an arm as the main job left them, by the folder of its judge step or by its MLflow run."""

from pathlib import Path
from typing import NotRequired, TypedDict

from protocols.vocabulary import Side
from reports.schema.json_form import check_form
from reports.schema.vocabulary import CHILD
from runners.errors import RunError
from runners.evaluation.descriptor_set import HEADLINE, IMAGE, read
from runners.evaluation.descriptor_table import ALONE, DescriptorTable, RankShare
from runners.evaluation.import_export import check, of_set
from runners.plan.step_store import read_json


class _Rules(TypedDict):
    sides: NotRequired[list[Side]]


class _Judged(TypedDict):
    """What of an arm's result says how its descriptors are to be read."""

    fingerprint: str
    protocol: _Rules
    command: str
    head_seed: NotRequired[int]


def of_step(folder: Path, share: RankShare = ALONE) -> DescriptorTable:
    """Its headline side, or the slice of it that one of several processes holds.

    Raises:
        RunError, ReportError: a file of it is missing or damaged, or an earlier version made it.
    """
    result = read_json(folder / "result.json")
    remedy = f"remove the folder {folder} and run again what made it."
    check_form(result, _Judged, str(folder / "result.json"), remedy)
    if result.get("head_seed"):
        raise RunError(
            f"{folder} is of head seed {result['head_seed']}, and descriptors are kept of head seed 0 alone; name the "
            "run of that one."
        )
    if not (folder / HEADLINE).is_dir():
        raise RunError(
            f"{folder} holds no {HEADLINE}: it was recorded by an earlier version; run again: {result['command']}"
        )
    whole = share.rank == 0
    video = read(folder / HEADLINE, fingerprint=result["fingerprint"], whole=whole)
    sides = result["protocol"].get("sides") or ["V2V"]
    image = read(folder / IMAGE, fingerprint=result["fingerprint"], whole=whole) if "I" in sides[0] else video
    found = of_set(image if sides[0].endswith("I") else video, image if sides[0].startswith("I") else video, share)
    check(found)
    return found


def step_of_run(run_id: str, tracking_uri: str | None, work: Path) -> Path:
    """The judge step of an MLflow run, by the fingerprint that it was recorded with.

    Args:
        run_id: of an arm's run.
        tracking_uri: of the store; None takes the usual one.
        work: where steps are.

    Raises:
        RunError: there is no such run, it is none of an arm, or its step is not there.
    """
    from mlflow.exceptions import MlflowException

    from reports.store.reader import open_reader

    if len(run_id) < 8 or set(run_id) - set("0123456789abcdef"):
        raise RunError(f"{run_id} does not exist; expected a file, a folder, or an MLflow run id (32 hex digits).")
    reader = open_reader(tracking_uri)
    try:
        tags = reader.client.get_run(run_id).data.tags
    except MlflowException:
        raise RunError(
            f"{reader.uri} holds no run {run_id}; give the whole id, or name another --tracking-uri."
        ) from None
    if tags.get("kind") != CHILD:
        raise RunError(f"run {run_id} is a whole job; name the run of one of its arms.")
    folder = work / "steps" / "judge" / str(tags.get("fingerprint"))
    if not folder.is_dir():
        raise RunError(f"{folder} is not there, so run {run_id} has no descriptors here; name its --work folder.")
    return folder
