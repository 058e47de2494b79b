"""The main job: train a paper's arms, score them under one protocol, record, report, and print its claims."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import methods
from datasets.repaired import names as repairer_names
from protocols.vocabulary import GAINS
from runners.cli import listing
from runners.cli.exit_codes import guarded
from runners.cli.options import add_data, add_places, add_repair, add_training
from runners.errors import RunError
from runners.pipeline.request import Request, check
from runners.workers.number import choose_workers

EXAMPLES = """examples:
  python -m runners.reproduce --paper gltr                    the default: SynthWalk, minutes on two cores
  python -m runners.reproduce --paper gltr --budget quick --seeds 1 --head-seeds 1      a first honest page in 3 minutes
  python -m runners.reproduce --paper gltr --seeds 5 --head-seeds 3     five trunks, three heads on each, pooled
  python -m runners.reproduce --paper gltr --protocol rgb-snippets      the same arms, fed and scored in another way
  python -m runners.reproduce --paper vrstc                   paints what is hidden, and asks whether that helps
  python -m runners.reproduce --paper gltr cosam baseline --protocol occlusion-repaired     the same question for others
  python -m runners.reproduce --paper gltr --protocol occlusion-repaired --repairers oracle vrstc/stcnet-gen
  python -m runners.reproduce --paper adfd --slice backpack hat       also by what people carry and wear
  python -m runners.reproduce --paper gltr --arms gltr 'gltr[branches=1]' --controls none
  python -m runners.reproduce --paper gltr --profile paper --dataset mars --data-root /data/mars --device cuda
  python -m runners.reproduce --paper tkp --protocol image-to-video-ilids --dataset ilids --data-root /data/i-LIDS-VID
                                                              ten splits, each trained and scored, averaged
  python -m runners.reproduce --paper my/folder               a method of your own, see docs/adding-a-paper.md
  python -m runners.reproduce --list                          papers, arms and claims

Finished steps are kept in --work and never run twice; a run that was stopped goes on where it was, with the same
numbers in the end. Results go to MLflow (MLFLOW_TRACKING_URI, by default sqlite:///mlflow.db) and to a page in --out.
No choice is ever made on test data: the weights of the last training step are what is scored.

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
    add_training(what)
    what.add_argument("--protocol", metavar="NAME", help="how it is scored; default: the paper's own, see --list")
    add_repair(what, ", ".join(repairer_names()))
    what.add_argument(
        "--slice",
        nargs="+",
        default=[],
        metavar="ATTRIBUTE",
        help="show accuracy for each value of an attribute of the people who are searched, such as backpack; what "
        "there is: python -m runners.attributes show",
    )
    add_data(p)
    where = p.add_argument_group("where")
    add_places(where)
    where.add_argument(
        "--out",
        metavar="FOLDER",
        help="the report (default out/PAPER-DATASET, and the protocol where it is not the paper's own)",
    )
    where.add_argument("--json", action="store_true", help="print the results as JSON in place of tables")
    return p


@guarded
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see ``--help``.

    Raises:
        RunError: no paper is named, or options do not go together.
    """
    options = parser().parse_args(argv)
    if options.list:
        cards = {name: methods.paper(name) for name in options.paper} or methods.papers()
        print(json.dumps(listing.as_data(cards), indent=1) if options.json else listing.as_text(cards))
        return 0
    if not options.paper:
        raise RunError(f"--paper is missing: name one of {', '.join(methods.papers())}, or see --list.")
    if len(options.paper) > 1 and (options.out or options.arms):
        raise RunError("--out and --arms are about one paper; leave them out, or run the papers one by one.")
    requests = [
        check(options, name, protocol=options.protocol, arms=options.arms) for name in dict.fromkeys(options.paper)
    ]
    folders = [_folder(request, options) for request in requests]
    found = []
    for request, out in zip(requests, folders, strict=True):
        began = time.monotonic()
        finished = run(request, options, out)
        finished["seconds"] = round(time.monotonic() - began, 1)
        found.append(finished)
        if not options.json:
            show(finished)
    if options.json:
        print(json.dumps(found[0] if len(found) == 1 else found, indent=1))
    return 0


def run(request: Request, options: argparse.Namespace, out: Path) -> dict[str, Any]:
    """All steps of the job; returns what is to be shown."""
    from reports import build
    from reports.store.uri import shown
    from runners.pipeline.record import prepare, record

    jobs = prepare(request, options, options.slice)
    workers = choose_workers(options.workers, jobs[0].config.device)
    recorded = record(jobs, request, options.tracking_uri, workers=workers)
    store, parent = recorded.store, recorded.parent
    store.finish(parent, {})  # the page says when the job ended
    slices = tuple(options.slice)
    made = build.build(recorded.experiment, parent=parent, tracking_uri=store.uri, out=out, slices=slices)
    counts: dict[str, int] = {gain: list(made["gains"].values()).count(gain) for gain in GAINS}
    store.attach_report(parent, made["ledger"], out, counts, made["files"])
    return {**made, "tracking": shown(store.uri)}


def _folder(request: Request, options: argparse.Namespace) -> Path:
    """Where the report goes; refused before anything slow begins if it cannot be written."""
    from runners.plan.plan import folder_of_work

    card, protocol = request.card, request.protocol
    other = "" if protocol.name == card.constraints.protocol else f"-{protocol.name}"
    return folder_of_work(options.out or f"out/{card.key}-{options.dataset}{other}")


def show(finished: dict[str, Any]) -> None:
    """Print tables and claims."""
    from reports import terminal

    print(terminal.page(finished))


if __name__ == "__main__":
    sys.exit(main())
