"""What a paper's arms cost at test time, against the number of frames and of tracklets: measured, not estimated."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import methods
from methods.cards.card import SERVING
from protocols.vocabulary import ARITHMETICS
from reports.schema.vocabulary import COST
from runners.cli.exit_codes import guarded
from runners.errors import RunError
from runners.pipeline.selection import parse_size
from runners.progress import note, step_bar

if TYPE_CHECKING:
    from methods.arms import Arm
    from methods.cards.card import Card
    from protocols.cost.cell import Cell, Way
    from protocols.cost.roofline import Ceilings

LENGTHS = (1, 2, 4, 8, 16, 32, 64, 128)
EXAMPLES = """examples:
  python -m runners.cost --paper gltr                           default arms at 64x32: a minute an arm on a CPU
  python -m runners.cost --paper gltr --arms gltr baseline --frames 1 8 64 --batch 1 4 16 --size 256x128
  python -m runners.cost --paper tkp --arms all --seconds 20 --out out/cost-tkp     tables, CSV, LaTeX and a page
  python -m runners.cost --paper cosam --arithmetic fp32 bf16 --channels-last       two ways of running each arm
  python -m runners.cost --paper gltr --device cuda --arithmetic tf32 bf16 --compile --track

Cells run from the cheapest to the dearest; one that would not end within --seconds, or not fit into memory, is left out
and says why. Time is the wall clock on a CPU and CUDA events on a GPU, warmed up, with all samples in the JSON.

exit codes: 0 done, 2 bad input, 3 not possible on this machine"""


def parser() -> argparse.ArgumentParser:
    """All options, with help that teaches."""
    p = argparse.ArgumentParser(
        prog="python -m runners.cost",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("--paper", required=True, metavar="PAPER", help="a paper's name, or the folder of one")
    p.add_argument(
        "--arms", nargs="+", default=[], metavar="ARM", help="by name, with options as in gltr[tsa=off]; or all"
    )
    p.add_argument("--frames", nargs="+", type=int, default=list(LENGTHS), metavar="T", help="frames of a tracklet")
    p.add_argument("--batch", nargs="+", type=int, default=[1, 4], metavar="B", help="tracklets in a call")
    p.add_argument("--size", default="64x32", metavar="HxW", help="of a frame (default %(default)s)")
    p.add_argument("--device", default="auto", help="auto, cpu or cuda")
    p.add_argument("--seconds", type=float, default=60.0, help="for each arm and way (default %(default)g)")
    how = p.add_argument_group("how networks are run")
    how.add_argument(
        "--arithmetic",
        nargs="+",
        choices=ARITHMETICS,
        default=["fp32"],
        help="default %(default)s",
    )
    how.add_argument("--channels-last", action="store_true", help="convolutions with their channels innermost")
    how.add_argument("--compile", action="store_true", help="under torch.compile, for the very shapes of each cell")
    where = p.add_argument_group("what becomes of it")
    where.add_argument("--out", metavar="FOLDER", help="cost.json, cost.html, and every table as CSV and LaTeX")
    where.add_argument("--track", action="store_true", help="also record in MLflow, experiment cost/<device>")
    where.add_argument(
        "--tracking-uri", metavar="URI", help="MLflow; default MLFLOW_TRACKING_URI or sqlite:///mlflow.db"
    )
    where.add_argument("--json", action="store_true", help="print the record in place of a table")
    return p


@guarded
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see ``--help``.

    Raises:
        RunError: a number is out of range.
    """
    options = parser().parse_args(argv)
    if min(*options.frames, *options.batch) < 1 or not 0 < options.seconds < float("inf"):
        raise RunError("--frames and --batch take whole numbers from 1 on, and --seconds a number above 0.")
    card = methods.paper(options.paper)
    arms = choose(card, options.arms)
    size = parse_size(options.size)

    from runners.plan.environment import choose_device

    record = measure(card, arms, size, choose_device(options.device), options)

    from reports.records import cost
    from reports.sections.cost import section
    from reports.sections.cost.tables import every_cell

    checked = cost.read(record, "this measurement")
    if options.out:
        write(Path(options.out), record, section.tables(checked), section.page(checked))
    if options.track:
        from runners.tracking.cost import track

        track(record, options.tracking_uri)
    print(json.dumps(record, indent=1) if options.json else every_cell(checked).visible().as_text())
    return 0


def choose(card: "Card", wanted: Sequence[str]) -> "list[Arm]":
    """Arms by name or text; none named are the card's default ones, ``all`` is every one that encodes tracklets.

    Raises:
        RunError: an arm works for others and encodes no tracklets.
    """
    encoding = [name for name, entry in card.arms.items() if entry.role not in SERVING]
    chosen = [name for name in card.default_arms() if name in encoding]
    arms = [methods.arm(name, card) for name in (encoding if list(wanted) == ["all"] else list(wanted) or chosen)]
    for arm in arms:
        if arm.role in SERVING:
            raise RunError(f"{arm.text} works for other arms and encodes no tracklets; name one that does.")
    return arms


def measure(
    card: "Card", arms: "Sequence[Arm]", size: tuple[int, int], device: str, options: argparse.Namespace
) -> dict[str, Any]:
    """The record: every arm in every way.

    Args:
        card: of the paper.
        arms: which are measured.
        size: (height, width) of a frame.
        device: such as ``cpu``.
        options: of the command line.
    """
    import torch

    from protocols.cost import device as hardware
    from protocols.cost.cell import Bench, Way, in_words
    from protocols.cost.roofline import measure_ceilings
    from runners.plan.environment import command_line, describe

    ways = [Way(kind, options.channels_last, options.compile) for kind in options.arithmetic]
    note(f"measure the ceilings of this {'GPU' if device.startswith('cuda') else 'CPU'} ...")
    ceilings = measure_ceilings(device, options.arithmetic)
    found, left_out = [], []
    for arm in arms:
        try:
            bench = Bench(arm.build(625, size), size, device)
        except Exception as error:  # whatever ails one network must not cost the others
            left_out.append({"arm": arm.text, "reason": in_words(error)})
            continue
        grids = [_grid(bench, arm, way, options, ceilings) for way in ways]
        found.append({"arm": arm.text, "label": arm.label, "role": arm.role, "grids": grids})
    return {
        "schema": 1,
        "kind": COST,
        "paper": card.key,
        "title": card.paper.title,
        "command": command_line(),
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "size": list(size),
        "device": hardware.describe(torch.device(device)),
        "ceilings": ceilings.as_dict(),
        "environment": describe(),
        "arms": found,
        "left_out": left_out,
    }


def _grid(bench: Any, arm: "Arm", way: "Way", options: argparse.Namespace, ceilings: "Ceilings") -> dict[str, Any]:
    from protocols.cost.grid import measure_grid

    total = len(set(options.frames)) * len(set(options.batch))
    began = time.monotonic()
    with step_bar(f"cost of {arm.text}, {way.name}", total, "cells") as bar:

        def seen(cell: "Cell") -> None:
            words = f"{cell.timing.p50:.1f} ms" if cell.timing else cell.left_out
            bar.set_postfix_str(f"{cell.batch} x {cell.frames}: {words[:40]}")
            bar.update(1)

        grid = measure_grid(
            bench, lengths=options.frames, batches=options.batch, way=way, budget_s=options.seconds, ceilings=ceilings,
            seen=seen,
        )  # fmt: skip
    left = sum(bool(cell.left_out) for cell in grid.cells)
    note(f"cost of {arm.text}, {way.name}: {total - left} of {total} cells in {time.monotonic() - began:.0f} s")
    return grid.as_dict()


def write(folder: Path, record: dict[str, Any], tables: Sequence[Any], page: str) -> None:
    """The record, the page and all tables, whole or not at all.

    Args:
        folder: where to.
        record: all numbers.
        tables: of them.
        page: as HTML.
    """
    from reports.render.write import write_files

    files = {"cost.json": json.dumps(record, indent=1) + "\n", "cost.html": page}
    for table in tables:
        files |= {f"{table.name}.csv": table.as_csv(), f"{table.name}.tex": table.as_latex()}
    write_files(folder, files)
    note(f"cost: {len(files)} files in {folder}")


if __name__ == "__main__":
    sys.exit(main())
