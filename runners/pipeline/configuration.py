"""What all arms of a job share, from its card, its data and its device."""

from collections.abc import Collection

import datasets
from datasets.attributes import Annotation
from datasets.tracklet import Split
from methods.cards.card import Card
from methods.starts.card import StartCard
from runners.derived_data.annotations import AnnotatedSplit
from runners.plan.environment import Precision, runtime
from runners.plan.plan_types import Budget, JobConfig, Start


def config_of(
    card: Card,
    split: Split,
    device: str,
    *,
    profile: str = "embedded",
    budget: Budget = "full",
    pretrained: Start = "card",
    size: tuple[int, int] | None = None,
    scorer: str = JobConfig.scorer,
    annotation: Annotation | None = None,
    source: AnnotatedSplit | None = None,
    lengths: float = JobConfig.lengths,
    precision: Precision | None = None,
    own_start: StartCard | None = None,
    named: Collection[str] = (),
) -> JobConfig:
    """A job configuration; what is not given here is as `runners.plan.plan_types.JobConfig` says.

    Args:
        card: the paper's.
        split: the data.
        device: such as ``cpu``.
        profile, budget, pretrained, size, scorer, lengths, precision, own_start: see `JobConfig`.
        annotation: attributes of the people of the split.
        source: other data, from which label sources learn.
        named: which of ``annotation`` and ``source`` the user named; the others stand there by default.

    Raises:
        RunError: there is nobody to train on.
    """
    return JobConfig(
        card=card,
        profile=profile,
        budget=budget,
        pretrained=pretrained,
        size=size,
        num_ids=split.num_train_ids,
        data=split.fingerprint,
        reader=datasets.reader_of(split.name),
        device=device,
        runtime=runtime(device),
        scorer=scorer,
        annotation=AnnotatedSplit(split, annotation).planned("annotation" in named) if annotation else None,
        source=source.planned("source" in named) if source else None,
        lengths=lengths,
        precision=precision,
        own_start=own_start,
    )
