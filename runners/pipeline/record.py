"""A request carried out: data, annotation and steps brought together, every outcome recorded as soon as it is there."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from datasets.frames.open import DECODED_LIMIT
from datasets.tracklet import Split
from runners.cli.options import chosen_precision, own_start
from runners.derived_data.annotations import find_annotation, find_source, named_by_user
from runners.derived_data.load import load_data
from runners.errors import NotPossible
from runners.evaluation.score import check_answers
from runners.pipeline.admitted_starts import refuse_reserved
from runners.pipeline.configuration import config_of
from runners.pipeline.job import Job
from runners.pipeline.request import Request, check_slices
from runners.pipeline.result_files import Outcome
from runners.pipeline.side_by_side import SideBySide
from runners.plan.environment import choose_device, command_line, describe
from runners.plan.splits import check_divisions, dataset_of_job
from runners.plan.step_store import StepStore
from runners.progress import note
from runners.tracking import mlflow_writer
from runners.tracking.tags_and_metrics import experiment_name
from runners.workers.number import choose_workers, threads_of_each


@dataclass(frozen=True)
class Recorded:
    """What a request left in the tracking store.

    Attributes:
        store: open for more.
        experiment: its name.
        parent: run id of the job.
        made: results that were made now.
        found: results that had been made before.
    """

    store: mlflow_writer.Store
    experiment: str
    parent: str
    made: int
    found: int


def prepare(request: Request, options: argparse.Namespace, slices: Sequence[str] = ()) -> tuple[Job, ...]:
    """Load what the steps share, one job for each division of the data set; nothing is trained yet.

    Args:
        request: what is run.
        options: of the command, see `runners.cli.options`.
        slices: attributes that a report will ask for.

    Raises:
        RunError, NotPossible: the divisions cannot be averaged, the protocol's rules not be kept on them, a control
            that was named cannot be asked for, or the data are kept for starting weights.
        MethodError: the user's own starting weights have no card.
    """
    device = choose_device(options.device)  # before the data: a wrong word costs no minute
    _set_threads(choose_workers(options.workers, device))
    chosen_precision(options, device)
    own_start(options)
    splits = [load_data(options.dataset, options.data_root, request.size, number) for number in request.splits]
    check_divisions(splits, request.protocol)
    for split in splits:
        refuse_reserved(split)
        check_answers(split, request.protocol)
    shared = splits[0] if splits[0].divisions > 1 else None
    if shared is not None and shared.number != 0:  # always the same one, so that its frames are found again
        shared = load_data(options.dataset, options.data_root, request.size, 0)
    jobs = tuple(_prepare(split, request, options, slices, device, shared) for split in splits)
    for run in request.runs:
        reason = jobs[0].impossible(run) if run.control in request.named_controls else ""
        if reason:
            raise NotPossible(f"--controls {' '.join(request.named_controls)}: {reason}; leave {run.control} out.")
    return jobs


def _set_threads(workers: int) -> None:
    """Plan with the threads that each worker will have: they are in every fingerprint."""
    import torch

    if workers > 1:
        torch.set_num_threads(threads_of_each(workers, torch.get_num_threads()))


def _prepare(
    split: Split,
    request: Request,
    options: argparse.Namespace,
    slices: Sequence[str],
    device: str,
    shared: Split | None,
) -> Job:
    annotation = find_annotation(split, options.attributes)
    check_slices(slices, annotation)
    source = find_source(options.source, request.size, split.synthetic) if request.label_sources else None
    if request.label_sources and source is None:
        note(f"{len(request.label_sources)} labelling arms are left out: they learn from a source, see --source")
    setting = config_of(
        request.card,
        split,
        device,
        profile=options.profile,
        budget=options.budget,
        pretrained=options.pretrained,
        size=request.size if options.size else None,
        scorer=options.scorer,
        annotation=annotation,
        source=source,
        precision=chosen_precision(options, device),
        own_start=own_start(options),
        named=named_by_user(split, annotation, options.attributes, options.source),
    )
    steps = StepStore(request.work)
    limit = DECODED_LIMIT if options.decoded_limit is None else options.decoded_limit
    return Job(
        setting, split, request.protocol, steps, request.work, command_line(), annotation, source, shared, limit,
        request.named_controls,
    )  # fmt: skip


def record(
    jobs: Sequence[Job],
    request: Request,
    tracking_uri: str | None,
    watch: Callable[[Outcome], Any] = lambda outcome: None,
    workers: int = 1,
) -> Recorded:
    """Run what is missing and record everything; the parent run stays open for a report.

    Divisions are run one after the other, each with all its arms and seeds, so that only one is held at a time.

    Args:
        jobs: from `prepare`, one for each division.
        request: the same one.
        tracking_uri: None for the default.
        watch: called with every outcome after it is recorded.
        workers: processes that make results side by side; with one, this one makes them.
    """
    store = mlflow_writer.open_store(tracking_uri)
    setting = jobs[0].config
    data = dataset_of_job([job.split for job in jobs])
    left_out = jobs[0].left_out(request.runs)
    for text, reason in left_out.items():
        note(f"{text} is left out: {reason}")
    parent: str | None = None
    made = found = 0
    with SideBySide(jobs, workers) as side:
        for place, job in enumerate(jobs, 1):
            if len(jobs) > 1:
                note(f"split {job.split.number}, {place} of {len(jobs)}")
            for outcome in job.outcomes(request.runs, request.seeds, request.head_seeds, side.of(place - 1)):
                if parent is None:
                    parent = store.begin(
                        request.card.as_dict(),
                        data,
                        outcome.result["protocol"],
                        setting.profile,
                        job.command,
                        {**describe(), "device": setting.device},
                        budget=setting.budget,
                        changes=setting.changes,
                    )
                    store.name_left_out(parent, left_out)
                store.record_arm(
                    parent,
                    outcome.result,
                    outcome.per_query,
                    outcome.strips,
                    outcome.train_log,
                    outcome.records,
                )
                made, found = made + outcome.fresh, found + (not outcome.fresh)
                watch(outcome)
            if place == 1:
                labelled = job.labelled(request.label_sources, request.seeds)
                if labelled is not None and parent is not None:
                    store.attach(parent, "labels", labelled)
            job.close()
    assert parent is not None  # there is always at least the colour row
    note(f"{made} results made now, the rest found in {request.work}")
    return Recorded(store, experiment_name(jobs[0].split.name, request.protocol.name), parent, made, found)
