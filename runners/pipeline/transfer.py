"""Attributes for data that nobody annotated: train a labelling arm on a source, label, and hand over the file."""

import argparse
import shutil
from pathlib import Path
from typing import Any

import datasets
import methods
from datasets.tracklet import Split
from methods.arms import Arm
from methods.cards.card import Card
from runners.cli.options import chosen_precision
from runners.errors import NotPossible, RunError
from runners.pipeline.selection import choose_seeds, parse_size


def transfer(options: argparse.Namespace) -> dict[str, Any]:
    """Train what has to be trained, write the file, and say what is in it.

    Raises:
        RunError: the arm does not label, or the file exists.
        NotPossible: there is no source to learn from.
    """
    from runners.derived_data import pseudo_labels
    from runners.derived_data.annotations import find_annotation, find_source
    from runners.derived_data.load import load_data
    from runners.pipeline.configuration import config_of
    from runners.pipeline.data_versions import DataVersions
    from runners.plan.environment import choose_device
    from runners.plan.plan import folder_of_work, labels_of
    from runners.plan.step_store import StepStore

    out = Path(options.out)
    if out.exists():
        raise RunError(f"{out} exists already; name another file, or remove it.")
    card, arm = _labeller(options.arm)
    (seed,) = choose_seeds(options.seed, 1)
    height, width = card.recipe(arm.recipe, options.profile).size
    size = parse_size(options.size) if options.size else (height, width)
    work = folder_of_work(options.work)
    device = choose_device(options.device)
    divisions = datasets.num_splits(options.dataset)
    if divisions > 1:
        raise NotPossible(
            f"{options.dataset} is divided {divisions} times into other people to train on, so no one file has the "
            "labels of all; runners.reproduce transfers them in each split by itself, for arms that learn from them."
        )
    split: Split = load_data(options.dataset, options.data_root, size)
    source = find_source(options.source, size, split.synthetic)
    if source is None:
        raise NotPossible(
            "no source of attributes was named: give --source, a RAP folder (which needs its "
            "licence) or a rendered SynthWalk."
        )
    annotation = find_annotation(split, None)
    config = config_of(
        card,
        split,
        device,
        profile=options.profile,
        budget=options.budget,
        size=size if options.size else None,
        annotation=annotation,
        source=source,
        precision=chosen_precision(options, device),
    )
    versions = DataVersions(split, StepStore(work), work, device, annotation, source)
    planned = labels_of(arm, seed, config)
    made = versions.labels(planned)
    assert planned.step is not None  # an arm labels
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".{out.name}.partial")
    shutil.copyfile(versions.steps.folder(planned.step) / pseudo_labels.FILE, partial)
    partial.replace(out)
    return {
        "file": str(out),
        "arm": arm.text,
        "source": source.name or source.split.name,
        "people": len(made.people),
        "columns": list(planned.columns),
        "fingerprint": made.fingerprint,
    }


def _labeller(text: str) -> tuple[Card, Arm]:
    """The arm, and the card that it is from."""
    home, _, name = text.rpartition("/")
    if not home:
        raise RunError(f"--arm {text}: write the paper, or its folder, before the arm, as in adfd/transfer-wbce-mmd.")
    card = methods.paper(home)
    arm = methods.arm(name, card)
    if arm.role != "labeller":
        found = [
            f"{each.key}/{name}"
            for each in methods.papers().values()
            for name, one in each.arms.items()
            if one.role == "labeller"
        ]
        raise RunError(f"--arm {text}: this arm does not label; name one of {', '.join(found)}.")
    return card, arm
