"""Write a repaired copy of a data set, in the layout of the original, for any method and any program to use."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datasets
import methods
from datasets.repaired import names as repairer_names
from files.formats import json as json_files
from methods.cards.recipe import PROFILES
from runners.cli.exit_codes import guarded
from runners.cli.options import add_budget, add_precision, chosen_precision
from runners.errors import NotPossible, RunError
from runners.pipeline.request import MARS_LAYOUT
from runners.pipeline.selection import choose_seeds, parse_size

EXAMPLES = """examples:
  python -m runners.repair oracle data/oracle                           SynthWalk as if nothing had stood in front
  python -m runners.repair 'drop[tau=0.9]' data/dropped                 without the frames that are called occluded
  python -m runners.repair vrstc/stcnet-gen data/painted                trains VRSTC's networks first, then paints
  python -m runners.repair inpaint data/mars-inpainted --dataset mars --data-root /data/mars --device cuda
  python -m runners.reproduce --paper gltr --data-root data/oracle      any method on it

What is called occluded are regions that the scoring arm (--scorer) gives a low score; it is trained first, and kept in
--work. Interrupted writing goes on where it was; the folder appears when it is whole.

exit codes: 0 done, 1 training broke down, 2 bad input, 3 not possible on this machine"""


def parser() -> argparse.ArgumentParser:
    """All options, with help that teaches."""
    p = argparse.ArgumentParser(
        prog="python -m runners.repair",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument(
        "repairer",
        help=f"{', '.join(repairer_names())}, each with [tau=0.9] if it should call regions at another threshold; or "
        "an arm that repairs, such as vrstc/stcnet-gen",
    )
    p.add_argument("out", type=Path, help="folder of the repaired data set; absent, or this very set")
    p.add_argument("--dataset", default="synthwalk", help="synthwalk (rendered if absent) or mars")
    p.add_argument("--data-root", metavar="FOLDER", help="where the original lies; needed for all but synthwalk")
    p.add_argument(
        "--scorer", default="vrstc/baseline", metavar="PAPER/ARM", help="whose region scores call occlusions"
    )
    p.add_argument("--size", metavar="HxW", help="image size of the networks; default: their recipes'")
    p.add_argument("--seed", type=int, default=0, help="of networks that have to be trained (default 0)")
    p.add_argument("--profile", choices=PROFILES, default="embedded", help="how they are trained")
    add_budget(p)
    add_precision(p)
    p.add_argument("--device", default="auto", help="auto, cpu or cuda")
    p.add_argument("--work", default="runs", metavar="FOLDER", help="finished steps (default %(default)s)")
    p.add_argument("--json", action="store_true", help="print the manifest as JSON")
    return p


@guarded
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see ``--help``."""
    options = parser().parse_args(argv)
    manifest = repair(options)
    if options.json:
        print(json.dumps(manifest, indent=1))
        return 0
    print(f"{options.out}: {manifest['name']} {manifest['version']}, fingerprint {manifest['fingerprint']}")
    for part, totals in manifest["totals"].items():
        print(
            f"  {part}: {totals['changed_frames']:,} of {totals['frames']:,} frames changed "
            f"({100 * totals['changed_pixel_share']:.1f} % of all pixels), {totals['frames_left_out']:,} left out, "
            f"{totals['tracklets_kept_whole']:,} tracklets kept whole because nothing would have been left"
        )
    return 0


def repair(options: argparse.Namespace) -> dict[str, Any]:
    """Train what has to be trained, write the set, and return its manifest.

    Raises:
        NotPossible: the data set has another layout than MARS.
        RunError: the scorer is not named as PAPER/ARM.
    """
    from datasets.files.manifest import REPAIRED
    from runners.derived_data.load import load_data
    from runners.pipeline.configuration import config_of
    from runners.pipeline.data_versions import DataVersions
    from runners.plan.data_names import parse_repairer
    from runners.plan.environment import choose_device
    from runners.plan.plan import folder_of_work, plan_data
    from runners.plan.step_store import StepStore

    if options.dataset in datasets.names() and options.dataset not in MARS_LAYOUT:
        raise NotPossible(
            f"repaired data can be written in the layout of MARS alone, and {options.dataset} has another; take "
            f"--dataset {' or '.join(MARS_LAYOUT)}."
        )
    (seed,) = choose_seeds(options.seed, 1)
    size = parse_size(options.size) if options.size else None
    paper, _, _ = options.scorer.rpartition("/")
    if not paper:
        raise RunError(f"--scorer {options.scorer}: expected PAPER/ARM, such as vrstc/baseline.")
    card = methods.paper(paper)
    text = parse_repairer(options.repairer, card).text
    work = folder_of_work(options.work)
    device = choose_device(options.device)
    recipe = card.recipe(methods.arm(options.scorer).recipe, options.profile)
    split = load_data(options.dataset, options.data_root, size or (recipe.size[0], recipe.size[1]))
    config = config_of(
        card,
        split,
        device,
        profile=options.profile,
        budget=options.budget,
        size=size,
        scorer=options.scorer,
        precision=chosen_precision(options, device),
    )
    versions = DataVersions(split, StepStore(work), work, device)
    versions.folder(plan_data(card, text, seed, config), options.out)
    return json_files.read_object(options.out / REPAIRED, error=RunError)


if __name__ == "__main__":
    sys.exit(main())
