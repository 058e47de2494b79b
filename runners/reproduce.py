"""The main job: train a paper's arms, judge them under one protocol, record, report, and print the verdicts."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import methods
import protocols
from datasets.repaired import names as repairer_names
from methods.recipe import PROFILES
from runners import listing
from runners.arms_to_run import choose_arms, choose_labellers, choose_repairers, choose_runs, choose_seeds, parse_size
from runners.cli import guarded
from runners.errors import NotPossible, RunError

if TYPE_CHECKING:
    from datasets.attributes import Annotation
    from methods.arms import Arm
    from methods.card import Card
    from runners.planned import ArmRun
    from runners.tracking import Store

EXAMPLES = """examples:
  python -m runners.reproduce --paper gltr                    the default: SynthWalk, minutes on two cores
  python -m runners.reproduce --paper gltr --budget quick     a first honest page in 3 minutes
  python -m runners.reproduce --paper gltr --seeds 3          three seeds, pooled in every interval
  python -m runners.reproduce --paper gltr --protocol rgb-snippets      the same arms, fed and judged in another way
  python -m runners.reproduce --paper vrstc                   paints what is hidden, and asks whether that helps
  python -m runners.reproduce --paper gltr cosam baseline --protocol occlusion-repaired     the same question for others
  python -m runners.reproduce --paper gltr --protocol occlusion-repaired --repairers oracle vrstc/stcnet-gen
  python -m runners.reproduce --paper adfd --slice backpack hat       also by what people carry and wear
  python -m runners.reproduce --paper gltr --arms gltr 'gltr[branches=1]' --controls none
  python -m runners.reproduce --paper gltr --profile paper --dataset mars --data-root /data/mars --device cuda
  python -m runners.reproduce --paper my/folder               a method of your own, see README
  python -m runners.reproduce --list                          papers, arms and claims

Finished steps are kept in --work and never run twice; a run that was stopped goes on where it was, with the same
numbers in the end. Results go to MLflow (MLFLOW_TRACKING_URI, by default sqlite:///mlflow.db) and to a page in --out.
No choice is ever made on test data: the weights of the last training step are what is judged.

exit codes: 0 done, 1 training broke down, 2 bad input, 3 not possible on this machine"""


def parser() -> argparse.ArgumentParser:
    """All options, with help that teaches."""
    p = argparse.ArgumentParser(
        prog="python -m runners.reproduce",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("--list", action="store_true", help="list papers, arms and claims, and stop")
    p.add_argument(
        "--paper",
        nargs="+",
        default=[],
        metavar="PAPER",
        help="a paper's name (see --list), or the path of a folder with a paper.toml; several are run one after the "
        "other, with a page each",
    )
    what = p.add_argument_group("what is run")
    what.add_argument(
        "--arms",
        nargs="+",
        default=[],
        metavar="ARM",
        help="arms by name, with options as in gltr[tsa=off]; or all",
    )
    what.add_argument(
        "--controls",
        choices=("none", "default", "all"),
        default="default",
        help="shuffled time and a per-frame MLP for arms that claim to use time, uniform weights for those that "
        "attend: all for the proposed arm and shuffled time for others (default), all for every arm, or none",
    )
    what.add_argument("--seeds", type=int, default=1, metavar="N", help="how many seeds, pooled (default 1)")
    what.add_argument("--seed", type=int, default=0, metavar="FIRST", help="the first seed (default 0)")
    what.add_argument(
        "--profile",
        choices=PROFILES,
        default="embedded",
        help="embedded: minutes on a CPU; paper: the published recipe",
    )
    what.add_argument("--budget", choices=("full", "quick"), default="full", help="quick: the recipes' short lengths")
    what.add_argument(
        "--pretrained",
        choices=("card", "imagenet", "none"),
        default="card",
        help="starting weights: as the recipe says, ImageNet through torchvision, or from scratch",
    )
    what.add_argument("--protocol", metavar="NAME", help="how it is judged; default: the paper's own, see --list")
    what.add_argument(
        "--repairers",
        nargs="+",
        metavar="NAME",
        help="under occlusion-repaired: what paints hidden regions before an arm is trained and judged; "
        f"{', '.join(repairer_names())}, each with [tau=0.9] if its calls need another threshold, or an arm that "
        "repairs, such as vrstc/stcnet-gen (default: oracle, where the truth is known; none: the arms as they are)",
    )
    what.add_argument(
        "--scorer",
        default="vrstc/baseline",
        metavar="PAPER/ARM",
        help="the arm whose region scores call regions occluded; it is trained first (default %(default)s)",
    )
    what.add_argument(
        "--slice",
        nargs="+",
        default=[],
        metavar="ATTRIBUTE",
        help="show accuracy for each value of an attribute of the people who are searched, such as backpack; what "
        "there is: python -m runners.attributes show",
    )
    data = p.add_argument_group("on what data")
    data.add_argument("--dataset", default="synthwalk", help="synthwalk (rendered if absent) or mars")
    data.add_argument("--data-root", metavar="FOLDER", help="where the data set lies; needed for all but synthwalk")
    data.add_argument("--size", metavar="HxW", help="image size; default: the recipe's")
    data.add_argument(
        "--attributes",
        metavar="FILE",
        help="attributes of the people: MARS-Attribute, Duke-Attribute, or a CSV of your own (default: those that the "
        "data set brings along; SynthWalk does)",
    )
    data.add_argument(
        "--source",
        metavar="FOLDER",
        help="other data with attributes, from which arms learn to label: RAP, or a rendered SynthWalk (default for "
        "synthwalk: a world of other people in another style, rendered if absent)",
    )
    where = p.add_argument_group("where")
    where.add_argument("--device", default="auto", help="auto, cpu or cuda")
    where.add_argument("--work", default="runs", metavar="FOLDER", help="finished steps (default %(default)s)")
    where.add_argument(
        "--out",
        metavar="FOLDER",
        help="the report (default out/PAPER-DATASET, and the protocol where it is not the paper's own)",
    )
    where.add_argument(
        "--tracking-uri", metavar="URI", help="MLflow; default MLFLOW_TRACKING_URI or sqlite:///mlflow.db"
    )
    where.add_argument("--json", action="store_true", help="print the results as JSON in place of tables")
    return p


@guarded
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see ``--help``."""
    options = parser().parse_args(argv)
    if options.list:
        cards = {name: methods.paper(name) for name in options.paper} or methods.papers()
        print(json.dumps(listing.as_data(cards), indent=1) if options.json else listing.as_text(cards))
        return 0
    if not options.paper:
        raise RunError(f"--paper is missing: name one of {', '.join(methods.papers())}, or see --list.")
    if len(options.paper) > 1 and (options.out or options.arms):
        raise RunError("--out and --arms are about one paper; leave them out, or run the papers one by one.")
    requests = [check(options, name) for name in dict.fromkeys(options.paper)]
    found = []
    for request in requests:
        began = time.monotonic()
        finished = run(request, options)
        finished["seconds"] = round(time.monotonic() - began, 1)
        found.append(finished)
        if not options.json:
            show(finished)
    if options.json:
        print(json.dumps(found[0] if len(found) == 1 else found, indent=1, ensure_ascii=False))
    return 0


@dataclass(frozen=True)
class Request:
    """What was asked for, checked as far as that needs no torch."""

    card: "Card"
    runs: "list[ArmRun]"
    seeds: list[int]
    size: tuple[int, int]
    work: Path
    out: Path
    protocol: Any
    labellers: "list[Arm]"


def check(options: argparse.Namespace, paper: str) -> Request:
    """Everything that can be wrong with the command is found here, before anything slow begins."""
    from runners.plan import folder_of_work

    card = methods.paper(paper)
    seeds = choose_seeds(options.seed, options.seeds)
    protocol = protocols.load(options.protocol or card.constraints.protocol)
    synthetic = options.dataset == "synthwalk"
    repairers = choose_repairers(card, protocol, options.repairers, synthetic)
    runs = choose_runs(choose_arms(card, options.arms), options.controls, repairers)
    if protocol.splits > 1:
        raise NotPossible(
            f"{protocol.name} averages {protocol.splits} splits of a data set that this suite cannot read yet; "
            "take image-to-video on SynthWalk or MARS."
        )
    if options.size:
        size = parse_size(options.size)
    else:
        height, width = (
            card.recipe(runs[0].arm.recipe, options.profile).size
            if runs[0].arm.paper == card.key
            else (methods.paper(runs[0].arm.paper).recipe(runs[0].arm.recipe, options.profile).size)
        )
        size = (height, width)
    work = folder_of_work(options.work)
    other = "" if protocol.name == card.constraints.protocol else f"-{protocol.name}"
    out = folder_of_work(options.out or f"out/{card.key}-{options.dataset}{other}")
    labellers = choose_labellers(card, runs, default=not options.arms)
    return Request(card, runs, seeds, size, work, out, protocol, labellers)


def run(request: Request, options: argparse.Namespace) -> dict[str, Any]:
    """All steps of the job; returns what is to be shown."""
    from runners import tracking
    from runners.annotating import AnnotatedSplit, find_annotation, find_source
    from runners.dataset import load_data
    from runners.environment import choose_device, command_line, describe, runtime
    from runners.job import Job
    from runners.planned import Setting
    from runners.progress import note
    from runners.steps import StepStore
    from runners.tracking_content import experiment_name

    device = choose_device(options.device)
    split = load_data(options.dataset, options.data_root, request.size)
    annotation = find_annotation(split, options.attributes)
    check_slices(options.slice, annotation)
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
    command = command_line()
    job = Job(setting, split, request.protocol, StepStore(request.work), request.work, command, annotation, source)
    store = tracking.open_store(options.tracking_uri)
    parent: str | None = None
    made = 0
    for outcome in job.outcomes(request.runs, request.seeds):
        if parent is None:
            parent = store.begin(
                request.card.as_dict(),
                outcome.result["dataset"],
                outcome.result["protocol"],
                options.profile,
                command,
                {**describe(), "device": device},
                budget=options.budget,
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
        )
        made += outcome.fresh
    assert parent is not None  # there is always at least the colour row
    labelled = job.labelled(request.labellers, request.seeds)
    if labelled is not None:
        store.attach_labels(parent, labelled.record, labelled.arrays)
    note(f"{made} results made now, the rest found in {request.work}")
    return finish(request, store, parent, experiment_name(split.name, request.protocol.name), tuple(options.slice))


def check_slices(wanted: Sequence[str], annotation: "Annotation | None") -> None:
    """Whether every attribute to slice by is known, before anything slow begins.

    Raises:
        RunError: nothing annotates the data.
        DataError: no such attribute.
    """
    if not wanted:
        return
    if annotation is None:
        raise RunError(
            f"--slice {' '.join(wanted)}: no attributes of this data set are known; name them with --attributes."
        )
    for name in wanted:
        annotation.attribute(name)


def finish(
    request: Request, store: "Store", parent: str, experiment: str, slices: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Build the report from the tracking store alone, and close the parent run."""
    from reports import build

    store.finish(parent, {})  # the page says when the job ended
    made = build.build(experiment, parent=parent, tracking_uri=store.uri, out=request.out, slices=slices)
    counts = {v: list(made["verdicts"].values()).count(v) for v in ("holds", "cannot tell", "does not hold")}
    store.attach_report(parent, made["ledger"], request.out, counts)
    return {**made, "tracking": store.uri}


def show(finished: dict[str, Any]) -> None:
    """Print tables and verdicts."""
    from reports import terminal

    print(terminal.page(finished))


if __name__ == "__main__":
    sys.exit(main())
