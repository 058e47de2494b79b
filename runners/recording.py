"""A request carried out: data, annotation and steps brought together, every outcome recorded as soon as it is there."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from runners import tracking
from runners.annotating import AnnotatedSplit, find_annotation, find_source
from runners.dataset import load_data
from runners.environment import choose_device, command_line, describe, runtime
from runners.job import Job, Outcome
from runners.planned import Setting
from runners.progress import note
from runners.request import Request, check_slices
from runners.steps import StepStore
from runners.tracking_content import experiment_name


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

    store: tracking.Store
    experiment: str
    parent: str
    made: int
    found: int


def prepare(request: Request, options: argparse.Namespace, slices: Sequence[str] = ()) -> Job:
    """Load what the steps share; nothing is trained yet.

    Args:
        request: what is run.
        options: of the command, see `runners.options`.
        slices: attributes that a report will ask for.
    """
    device = choose_device(options.device)
    split = load_data(options.dataset, options.data_root, request.size)
    annotation = find_annotation(split, options.attributes)
    check_slices(slices, annotation)
    source = find_source(options.source, request.size, split.synthetic) if request.labellers else None
    if request.labellers and source is None:
        note(f"{len(request.labellers)} labelling arms are left out: they learn from a source, see --source")
    setting = Setting(
        card=request.card,
        profile=options.profile,
        budget=options.budget,
        pretrained=options.pretrained,
        size=request.size if options.size else None,
        num_ids=split.num_train_ids,
        data=split.fingerprint,
        device=device,
        runtime=runtime(device),
        scorer=options.scorer,
        annotation=AnnotatedSplit(split, annotation).planned() if annotation else None,
        source=source.planned() if source else None,
    )
    steps = StepStore(request.work)
    return Job(setting, split, request.protocol, steps, request.work, command_line(), annotation, source)


def record(
    job: Job,
    request: Request,
    tracking_uri: str | None,
    watch: Callable[[Outcome], Any] = lambda outcome: None,
) -> Recorded:
    """Run what is missing and record everything; the parent run stays open for a report.

    Args:
        job: from `prepare`.
        request: the same one.
        tracking_uri: None for the default.
        watch: is told every outcome after it is recorded.
    """
    store = tracking.open_store(tracking_uri)
    setting = job.setting
    parent: str | None = None
    made = found = 0
    for outcome in job.outcomes(request.runs, request.seeds):
        if parent is None:
            parent = store.begin(
                request.card.as_dict(),
                outcome.result["dataset"],
                outcome.result["protocol"],
                setting.profile,
                job.command,
                {**describe(), "device": setting.device},
                budget=setting.budget,
            )
        store.record_arm(
            parent,
            outcome.result,
            outcome.per_query,
            outcome.strips,
            outcome.train_log,
            outcome.explained,
            outcome.restored,
            outcome.weighed,
            outcome.recognised,
            outcome.chosen,
        )
        made, found = made + outcome.fresh, found + (not outcome.fresh)
        watch(outcome)
    assert parent is not None  # there is always at least the colour row
    labelled = job.labelled(request.labellers, request.seeds)
    if labelled is not None:
        store.attach_labels(parent, labelled.record, labelled.arrays)
    note(f"{made} results made now, the rest found in {request.work}")
    return Recorded(store, experiment_name(job.split.name, request.protocol.name), parent, made, found)
