"""Papers side by side: runs what is missing under every protocol asked for, and ends with the comparison report."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import methods
import protocols
from datasets.repaired import names as repairer_names
from methods.cards.card import Card
from runners.cli.exit_codes import guarded
from runners.cli.options import add_data, add_places, add_repair, add_training
from runners.errors import NotPossible, RunError
from runners.pipeline.request import Request, check
from runners.pipeline.selection import main_arms
from runners.workers.number import choose_workers

if TYPE_CHECKING:
    from runners.cli.live_table import Key, Scoreboard
    from runners.pipeline.job import Job
    from runners.pipeline.result_files import Outcome

PROTOCOLS = ("rgb-single-pass", "rgb-snippets")
EXAMPLES = """examples:
  python -m runners.compare                                   every paper, whole sequences and snippets, on SynthWalk
  python -m runners.compare --paper gltr cosam --seeds 5      two papers, five seeds, pooled in every interval
  python -m runners.compare --protocol res50-rgb-single-pass  the field's own table: ResNet-50, RGB, single pass
  python -m runners.compare --protocol snippet-vs-full        what a method sees of a tracklet, from one frame to all
  python -m runners.compare --protocol occlusion-repaired --paper gltr cosam baseline
  python -m runners.compare --arms gltr/gltr gltr/dtp baseline/trinet
  python -m runners.compare --paper my/folder gltr            a method of your own beside a published one
  python -m runners.compare --dataset prid --data-root /data/prid_2011        ten splits, trained, scored, averaged
  python -m runners.compare --dry-run                         what is there, and what would be run

Only what is missing is run: steps are shared with `python -m runners.reproduce` and kept in --work, so a comparison
that was stopped (Ctrl-C, kill) goes on where it was. An arm that a protocol does not admit is listed with the reason
and left out there. Rows of different protocols, data or profiles are never ranked together. The report in --out has
the comparison, the ledger of all claims, the ledger of conventions and a page for each paper.

exit codes: 0 done, 1 training broke down, 2 bad input, 3 not possible on this machine"""


def parser() -> argparse.ArgumentParser:
    """All options, with help that teaches."""
    p = argparse.ArgumentParser(
        prog="python -m runners.compare",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = p.add_argument_group("what is compared")
    what.add_argument("--paper", nargs="+", default=[], metavar="PAPER", help="papers by name or folder (default: all)")
    what.add_argument(
        "--arms",
        nargs="+",
        default=["main"],
        metavar="ARM",
        help="main: what each paper proposes and its baselines (default); default: those that reproduce runs; all; "
        "or arms by name, such as gltr/dtp or 'gltr/gltr[tsa=off]'",
    )
    what.add_argument(
        "--protocol",
        nargs="+",
        default=list(PROTOCOLS),
        metavar="NAME",
        help=f"how they are scored; several give a table each (default {' '.join(PROTOCOLS)}; "
        f"known: {', '.join(protocols.names())}; own: each paper's own)",
    )
    add_training(what)
    what.set_defaults(controls=["none"])
    add_repair(what, ", ".join(repairer_names()))
    add_data(p)
    where = p.add_argument_group("where")
    add_places(where)
    where.add_argument("--out", default="out/comparison", metavar="FOLDER", help="the report (default %(default)s)")
    where.add_argument("--dry-run", action="store_true", help="show what is there and what would be run, and stop")
    where.add_argument("--json", action="store_true", help="print the results as JSON in place of tables")
    return p


@guarded
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see ``--help``.

    Raises:
        NotPossible: no arm was admitted to the protocols.
    """
    options = parser().parse_args(argv)
    requests = requests_of(options)
    from runners.plan.plan import folder_of_work

    out = folder_of_work(options.out)
    compared = run(requests, options)
    if options.dry_run:
        print(json.dumps(compared.plan, indent=1) if options.json else _plan_text(compared))
        return 0
    if not compared.parents:
        reasons = "; ".join(dict.fromkeys(line["reason"] for line in compared.plan if line["reason"]))
        raise NotPossible(f"no arm was admitted to {' or '.join(options.protocol)}: {reasons}.")
    show(compared, out, options)
    return 0


def requests_of(options: argparse.Namespace) -> list[Request]:
    """One request for each paper and protocol, papers first so that a paper's trainings are shared at once.

    Raises:
        RunError: an arm of a paper that is not compared, or an arm without its paper.
    """
    given = ((name, methods.paper(name)) for name in dict.fromkeys(options.paper))
    papers = {card.key: (name, card) for name, card in given}
    chosen = options.arms
    named = chosen[0] not in ("main", "default", "all") or len(chosen) > 1
    for text in chosen if named else ():
        paper, _, arm = text.partition("/")
        if not arm:
            raise RunError(f"--arms {text}: name the paper too, such as gltr/{text}; or main, default, all.")
        if options.paper and paper not in papers:
            raise RunError(f"--arms {text}: {paper} is not among the papers compared, {', '.join(papers)}.")
        if paper not in papers:
            papers[paper] = (paper, methods.paper(paper))
    papers = papers or {key: (key, card) for key, card in methods.papers().items()}
    found = []
    for name, card in papers.values():
        arms = _arms_of(card, chosen, named)
        if not arms:
            raise RunError(f"--paper {name}: --arms names none of its arms; name one, or leave the paper out.")
        for protocol in dict.fromkeys(options.protocol):
            own = None if protocol == "own" else protocol
            found.append(check(options, name, protocol=own, arms=arms))
    return found


def _arms_of(card: Card, chosen: Sequence[str], named: bool) -> list[str]:
    if named:
        return [text.partition("/")[2] for text in chosen if text.partition("/")[0] == card.key]
    return {"main": main_arms(card), "default": list(card.default_arms()), "all": ["all"]}[chosen[0]]


@dataclass(frozen=True)
class Compared:
    """What a comparison left.

    Attributes:
        parents: run ids of its jobs.
        tracking: where they are.
        plan: a row for each arm and protocol: protocol, paper, arm, label, seeds, head_seeds, there, reason, and
            left_out, why, of a control that can show nothing.
        arms: paper -> names of the arms that were compared.
    """

    parents: tuple[str, ...]
    tracking: str
    plan: list[dict[str, Any]]
    arms: dict[str, list[str]]


def run(requests: Sequence[Request], options: argparse.Namespace) -> Compared:
    """Look through all jobs, then run what they miss."""
    from contextlib import nullcontext

    from runners.cli.live_table import Scoreboard
    from runners.pipeline.record import prepare, record
    from runners.progress import shown_on

    board = Scoreboard()
    jobs: list[tuple[tuple[Job, ...], Request]] = []
    plan: list[dict[str, Any]] = []
    for request in requests:
        divisions = prepare(request, options)
        jobs.append((divisions, _look_through(divisions, request, board, plan)))
    board.missing = sum(row["to_make"] for row in plan)
    if options.dry_run:
        return Compared((), "", plan, {})
    parents = []
    arms: dict[str, list[str]] = {}
    tracking = ""
    with board.drawn(), shown_on(board) if board.on_screen else nullcontext():
        for divisions, request in jobs:
            if not request.runs:
                continue
            workers = choose_workers(options.workers, divisions[0].config.device)
            recorded = record(divisions, request, options.tracking_uri, lambda one: _show(board, one), workers)
            recorded.store.finish(recorded.parent, {})
            parents.append(recorded.parent)
            tracking = recorded.store.uri
            named = arms.setdefault(request.card.key, [])
            named += [one.name for one in request.runs if one.control is None and one.name not in named]
    return Compared(tuple(parents), tracking, plan, arms)


def _look_through(jobs: "Sequence[Job]", request: Request, board: "Scoreboard", plan: list[dict[str, Any]]) -> Request:
    """Enter every arm on the board; gives the request without those that are rejected.

    An arm that is rejected in one division of the data is in all: its network is asked, not its weights.
    """
    possible, left_out = jobs[0].possible(request.runs), jobs[0].left_out(request.runs)
    refused = jobs[0].rejected(possible, request.seeds[0])
    for one in possible:
        key: Key = (request.protocol.name, request.card.key, one.text)
        label = one.label + (f", {one.control}" if one.control else "")
        heads = jobs[0].heads_of(one, request.head_seeds)
        board.enter(key, label, request.seeds, len(jobs), len(heads))
        number = len(request.seeds) * len(heads) * len(jobs)
        reason = refused.get(one.arm.text, "")
        trained = [(seed, head) for seed in request.seeds for head in heads]
        there = 0 if reason else sum(job.done(one, seed, head) for job in jobs for seed, head in trained)
        if reason:
            board.rejected(key, reason)
        plan.append(
            {
                "protocol": key[0],
                "paper": key[1],
                "arm": one.text,
                "label": label,
                "seeds": list(request.seeds),
                "head_seeds": list(heads),
                "there": there,
                "to_make": 0 if reason else number - there,
                "reason": reason,
                **({"splits": list(request.splits)} if len(jobs) > 1 else {}),
            }
        )
    for one in request.runs:
        if one.text in left_out:
            row = {"protocol": request.protocol.name, "paper": request.card.key, "arm": one.text, "label": one.label}
            counts = {"seeds": [], "head_seeds": [], "there": 0, "to_make": 0}
            plan.append({**row, **counts, "reason": "", "left_out": left_out[one.text]})
    return replace(request, runs=[one for one in request.runs if one.arm.text not in refused])


def _show(board: "Scoreboard", outcome: "Outcome") -> None:
    result = outcome.result
    colour = result["control"] == "colour"
    name = result["arm"] + (f"+{result['control']}" if result["control"] and not colour else "")
    metrics = result["metrics"]
    key = (result["protocol"]["name"], result["paper"], name)
    if not colour:
        split = result["split"]["number"] if "split" in result else None
        training = result["seed"], result.get("head_seed", 0)
        board.result(key, training, (metrics["mAP"], metrics["rank1"]), outcome.fresh, split)


def _plan_text(compared: Compared) -> str:
    lines = []
    for row in compared.plan:
        there = f"{row['there']} of {row['there'] + row['to_make']} there"
        what = f"rejected: {row['reason']}" if row["reason"] else there
        what = f"left out: {row['left_out']}" if row.get("left_out") else what
        lines.append(f"{row['protocol']:<24}{row['paper'] + '/' + row['arm']:<32}{what}")
    make = sum(row["to_make"] for row in compared.plan)
    lines.append(f"{make} results would be made, {sum(row['there'] for row in compared.plan)} are there.")
    return "\n".join(lines)


def show(compared: Compared, out: Path, options: argparse.Namespace) -> None:
    """Build the report from the tracking store alone, and print it."""
    from reports import suite, terminal_comparison

    made = suite.build_suite(out, compared.tracking, compared.parents, arms=compared.arms)
    made["turned_away"] = [row for row in compared.plan if row["reason"]]
    made["controls_left_out"] = [row for row in compared.plan if row.get("left_out")]
    if options.json:
        print(json.dumps(made, indent=1))
    else:
        print(terminal_comparison.page(made))


if __name__ == "__main__":
    sys.exit(main())
