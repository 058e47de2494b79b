"""Starting weights of this suite's own: train a trunk on drawn people who are never reported, pack it, look at it."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from runners.cli.exit_codes import guarded
from runners.cli.options import add_precision
from runners.errors import RunError

if TYPE_CHECKING:
    from methods.starts.card import StartCard

ACTIONS = ("train", "pack", "show")
EXAMPLES = """examples:
  python -m runners.start                          ResNet-50: renders two worlds, trains, packs into out/start
  python -m runners.start --depth 18               the ResNet-18 that ADFD begins from
  python -m runners.start --device cuda            the same on a GPU, in minutes
  python -m runners.start --frames 1000000         longer
  python -m runners.start show                     the starts of the suite: cards, sizes, digests checked
  python -m runners.start show out/start/synthwalk-resnet50.safetensors
  python -m runners.start pack --out methods/starts/synthwalk-resnet50.safetensors
                                                   the finished training again, into another file
  python -m runners.reproduce --paper gltr --start out/start/synthwalk-resnet50.safetensors

On two CPU cores this takes hours, and it may be stopped at any time: the same command goes on at its last checkpoint
and ends with the same weights, as long as code, library versions and number of threads are the same. It ends with a
file of 8 bits a channel and a card beside it: worlds, recipe, digest, what it has seen, and mAP on people it did not
learn, as trained and as stored. Those people are scored once, at the end; nothing is chosen by them.

exit codes: 0 done, 1 training broke down, 2 bad input, 3 not possible on this machine"""


def parser() -> argparse.ArgumentParser:
    """All options, with help that teaches."""
    p = argparse.ArgumentParser(
        prog="python -m runners.start",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = p.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)
    train = actions.add_parser("train", help="train a start, or go on with it, and pack it (without an action: this)")
    _add_training(train)
    pack = actions.add_parser("pack", help="a finished training as a file with its card")
    _add_training(pack)
    pack.add_argument("--note", default="", metavar="TEXT", help="anything a reader of the card must know")
    elsewhere = pack.add_argument_group("a training by the same recipe that was not made by this command")
    elsewhere.add_argument("--weights", type=Path, metavar="FILE", help="of the whole network, as safetensors")
    elsewhere.add_argument("--log", type=Path, metavar="FILE", help="rows of its curve, as JSON")
    elsewhere.add_argument("--initial", metavar="TEXT", help="where its initial weights came from, for the card")
    show = actions.add_parser("show", help="the card of a start, its file checked against it")
    show.add_argument("file", nargs="*", type=Path, help="weights of a start, or their card (default: the suite's)")
    show.add_argument("--json", action="store_true", help="print everything as JSON")
    return p


def _add_training(action: argparse.ArgumentParser) -> None:
    action.add_argument("--depth", type=int, default=50, help="of the ResNet, 50 (default) or 18")
    action.add_argument(
        "--frames", type=int, metavar="N", help="seen in all (default: the recipe's, 140,000 at depth 50)"
    )
    action.add_argument("--seed", type=int, default=0, help="of the training (default 0)")
    action.add_argument("--device", default="auto", help="auto, cpu or cuda")
    add_precision(action)
    action.add_argument("--work", default="runs", metavar="FOLDER", help="checkpoints, frames (default %(default)s)")
    action.add_argument("--data", default="data", type=Path, metavar="FOLDER", help="where the worlds lie, or are put")
    action.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="the packed start (default: below out/start, by its depth)",
    )


@guarded
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see ``--help``."""
    words = list(argv if argv is not None else sys.argv[1:])
    if not words or (words[0] not in ACTIONS and words[0] not in ("-h", "--help")):
        words = ["train", *words]
    options = parser().parse_args(words)
    return _show(options) if options.action == "show" else _train_or_pack(options)


def _train_or_pack(options: argparse.Namespace) -> int:
    from methods.starts.card import CARD, check_name
    from methods.starts.card import WEIGHTS as SUFFIX
    from runners.plan.environment import choose_device
    from runners.plan.plan import folder_of_work
    from runners.plan.step_store import StepStore
    from runners.pretraining import pack, plan, train
    from runners.progress import note

    out: Path = options.out or Path("out/start") / f"synthwalk-resnet{options.depth}{SUFFIX}"
    if out.suffix != SUFFIX:
        raise RunError(f"--out {out}: expected a file that ends in {SUFFIX}; its card {CARD} is put beside it.")
    check_name(out.stem)
    work = folder_of_work(options.work)
    folder_of_work(str(out.parent))
    given = getattr(options, "weights", None), getattr(options, "log", None), getattr(options, "initial", None)
    if any(given) and not all(given):
        raise RunError("--weights, --log and --initial go together: they tell of one training.")
    planned = plan.plan_start(
        options.depth, options.frames, options.seed, choose_device(options.device), options.precision, options.data
    )
    if all(given):
        made = pack.made_elsewhere(options.weights, options.log, options.initial, options.note)
    else:
        steps = StepStore(work)
        if options.action == "pack" and not steps.done(planned.step):
            raise RunError(
                f"{steps.folder(planned.step)} holds no finished training with these options, code and versions; run "
                "python -m runners.start with them first."
            )
        made = pack.made_here(train.train(planned, steps, work), getattr(options, "note", ""))
    card = pack.pack(planned, made, out.parent, work, out.stem)
    pack.facts_of(card)
    note(f"{card.weights}: {card.bytes:,} bytes, with its card; begin from it with --start {card.weights}")
    print(_in_words(card))
    return 0


def _show(options: argparse.Namespace) -> int:
    from methods.starts.card import card_of_file, shipped
    from runners.pretraining.pack import facts_of

    cards = [card_of_file(file) for file in options.file] if options.file else list(shipped().values())
    if not cards:
        raise RunError("the suite has no start yet; name the file of one, or train one with python -m runners.start.")
    facts = [facts_of(card) for card in cards]
    if options.json:
        print(json.dumps(facts, indent=1))
        return 0
    print("\n\n".join(_in_words(card) for card in cards))
    return 0


def _in_words(card: "StartCard") -> str:
    """A card in a few lines; its file was checked."""
    made = card.training
    seen = "; ".join(
        f"{one.name} {one.version}, seed {one.seed}, {one.style}" if one.style else f"{one.name} {one.version}"
        for one in card.has_seen
    )
    lines = [
        f"{card.name}: ResNet-{card.depth}, {card.bytes:,} bytes, SHA-256 {card.sha256} (checked)",
        f"  trained on {made.frames:,} frames of {made.identities:,} identities ({made.tracklets:,} tracklets, "
        f"{made.images:,} images) at {'x'.join(map(str, made.size))}, in {made.precision}, seed {made.seed}, by "
        f"{made.labels}; last loss {made.final_loss}",
        f"  has seen: {seen}",
        f"  8 bits a channel: error of a weight {100 * card.mean_error:.2f} % in the mean, "
        f"{100 * card.largest_error:.2f} % of its channel's largest at most",
    ]
    lines += [
        f"  held-out people of {one.world} ({one.people}, {one.queries} queries): mAP {one.mAP:.2f} as trained, "
        f"{one.mAP_8_bits:.2f} in 8 bits"
        for one in card.held_out
    ]
    if card.note:
        lines.append(f"  {card.note}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
