"""Score descriptors under every published convention: gallery, AP, queries without a match, distance."""

import argparse
import json
import shutil
import sys
import textwrap
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import datasets
from files import atomic
from protocols.ranking import Ranking
from protocols.ranking.all_conventions import score_side_by_side
from protocols.ranking.conventions import DISTANCES, Distance, Scoring
from protocols.ranking.distributed import agreed
from protocols.vocabulary import WITH_INTERVALS
from reports.conventions import descriptors
from reports.conventions.descriptors import Evaluation
from runners.cli.exit_codes import BAD_INPUT, guarded
from runners.errors import RunError
from runners.evaluation.descriptor_set import RECORD, SUFFIX
from runners.evaluation.descriptor_table import ALONE, DescriptorTable, RankShare
from runners.evaluation.import_export import check_export, load
from runners.evaluation.recorded_descriptors import of_step, step_of_run
from runners.plan.environment import choose_device, command_line
from runners.progress import note, step_bar
from runners.torchrun import device_of, process_group, silence_other_ranks

if TYPE_CHECKING:
    from protocols.ranking.distributed import TorchProcesses

EXAMPLES = """examples:
  python -m runners.evaluate --descriptors mine.npz                     what would each paper have printed of it?
  python -m runners.evaluate --descriptors mine.npz theirs.npz          paired query by query
  python -m runners.evaluate --descriptors mine.npz --out out/mine      a page, CSV, LaTeX and JSON too
  python -m runners.evaluate --descriptors features.mat --dataset mars --data-root /data/mars
                                                                        ids and cameras from the data set
  python -m runners.evaluate --descriptors runs/steps/judge/FINGERPRINT an arm's step, as the main job left it
  python -m runners.evaluate --descriptors RUN_ID                       the same by its MLflow run
  python -m runners.evaluate --descriptors a.descriptors --export a.npz one set in another form

a gallery that is too large for one process, or too slow in one:
  torchrun --nproc-per-node 2 -m runners.evaluate --descriptors a.descriptors
Each process holds a slice of the gallery and all queries and labels, multiplies with its slice and counts in it; only
the distances of right answers and the counts are exchanged, so the results are those of one process, and the first
process shows and writes them. Of a folder a.descriptors each maps its slice alone (the first one also reads all of it
once, to check its digest); other files are read whole before they are cut. On several machines start it with
torchrun's --nnodes and --rdzv-endpoint. With --device cuda each process takes its own GPU. Distances may be rounded
apart in their last bit where the shape of a slice changes the product; those of equal descriptors never are.

a file (.npz, or .mat of any version) holds
  query_features [Q, D], query_ids [Q], query_cams [Q], gallery_features [G, D], gallery_ids [G], gallery_cams [G]
and, if it is known, query_in_gallery [Q]: the gallery row of each query, from 0. Person -1 is junk, 0 a distractor.
With --dataset it may hold query_features and gallery_features alone, or features [N, D] of all test tracklets.

exit codes: 0 done, 2 bad input, 3 not possible here (torchrun itself ends with 1 where its processes fail)"""

WIDEST, NARROWEST = 118, 40
METRICS = {"euclidean": DISTANCES[0], "unit-euclidean": DISTANCES[1], "cosine": DISTANCES[2]}


def parser() -> argparse.ArgumentParser:
    """All options, with help that teaches."""
    p = argparse.ArgumentParser(
        prog="python -m runners.evaluate",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument(
        "--descriptors",
        nargs="+",
        required=True,
        metavar="PATH",
        help=f"a folder NAME{SUFFIX}, an .npz, a .mat, a judge step's folder, or an MLflow run id; several are "
        "compared",
    )
    p.add_argument(
        "--metric",
        nargs="+",
        choices=tuple(METRICS),
        default=list(METRICS),
        help="distances to score under (default: all)",
    )
    p.add_argument(
        "--queries",
        choices=("auto", "inside", "append", "as-is"),
        default="auto",
        help="of a file without query_in_gallery: whether its gallery holds the queries (inside), they are put behind "
        "it as AP3D does (append), or it is scored as it is; auto (default) looks for them, and appends those of a "
        "gallery that holds none, unless query and gallery share no camera, as in iLIDS-VID and PRID-2011",
    )
    p.add_argument("--dataset", help="take ids and cameras from this data set: mars, ilids, ...")
    p.add_argument("--data-root", metavar="FOLDER", help="where that data set lies")
    p.add_argument(
        "--split",
        type=int,
        metavar="N",
        help="the division of it that the descriptors are of, from 0, where it has several (iLIDS-VID, PRID-2011)",
    )
    p.add_argument("--work", default="runs", metavar="FOLDER", help="finished steps, for run ids (default %(default)s)")
    p.add_argument(
        "--tracking-uri", metavar="URI", help="for run ids; default MLFLOW_TRACKING_URI or sqlite:///mlflow.db"
    )
    p.add_argument("--out", metavar="FOLDER", help="write a page, CSV, LaTeX and JSON there")
    p.add_argument("--export", metavar="FILE", help="write the one set that is named as .npz or .mat")
    p.add_argument(
        "--device",
        default="cpu",
        help="where descriptors are multiplied and counted: cpu, cuda, or auto (default %(default)s); in full "
        "float32 everywhere, and the same ranks but for distances that differ in their last bits",
    )
    p.add_argument("--json", action="store_true", help="print the results as JSON in place of tables")
    return p


@guarded
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see ``--help``.

    Raises:
        RunError: options that do not go together.
    """
    options = parser().parse_args(argv)
    if options.data_root and not options.dataset:
        raise RunError("--data-root is about --dataset; name the data set too.")
    if options.split is not None and not options.dataset:
        raise RunError("--split is about --dataset; name the data set too.")
    if options.export and len(options.descriptors) > 1:
        raise RunError(f"--export writes one set, but {len(options.descriptors)} are named; export them one by one.")
    if options.export:
        check_export(Path(options.export))
    with process_group() as processes:
        if processes is None:
            return _run(options, None)
        if options.export:
            raise RunError("--export is the work of one process; run it without torchrun.")
        if processes.rank == 0:
            return _run(options, processes)
        with silence_other_ranks():
            try:
                return _run(options, processes)
            except BAD_INPUT:
                return 2  # all processes fail together, and the first one says why


def _run(options: argparse.Namespace, processes: "TorchProcesses | None") -> int:
    """The whole command in one process, or one process's part of it."""
    first = processes is None or processes.rank == 0
    if options.out and first:
        Path(options.out).mkdir(parents=True, exist_ok=True)  # what cannot be written is told before any work
    device = "cpu" if options.device == "cpu" else device_of(choose_device(options.device))
    sets = _opened(options) if processes is None else agreed(processes, lambda: _opened(options, processes), BAD_INPUT)
    if options.export:
        from runners.evaluation.import_export import save

        save(Path(options.export), sets[0])
        note(f"wrote {options.export}")
    distances = [METRICS[name] for name in dict.fromkeys(options.metric)]
    found = [evaluate(one, distances, processes, device) for one in _told_apart(sets)]
    if not first:
        return 0
    command = command_line()
    if options.out:
        _write(Path(options.out), found, command)
    print(json.dumps(as_data(found, command), indent=1) if options.json else as_text(found))
    if options.out and not options.json:
        print(f"\nPage: {options.out}/index.html")
    return 0


def _opened(options: argparse.Namespace, processes: "TorchProcesses | None" = None) -> list[DescriptorTable]:
    """All sets that are named, of each of them the slice of this process."""
    split = None
    if options.dataset:
        from runners.derived_data.load import load_data

        if options.split is None and datasets.num_splits(options.dataset) > 1:
            raise RunError(
                f"{options.dataset} has {datasets.num_splits(options.dataset)} splits, and descriptors are of one: "
                "name it with --split."
            )
        split = load_data(options.dataset, options.data_root, (64, 32), options.split or 0)
    share = ALONE if processes is None else RankShare(processes.rank, processes.size)
    return [_open(name, options, split, share) for name in options.descriptors]


def evaluate(
    one: DescriptorTable,
    distances: Sequence[Distance] = DISTANCES,
    processes: "TorchProcesses | None" = None,
    device: str = "cpu",
) -> Evaluation:
    """Score one set in every way.

    Args:
        one: descriptors with their labels.
        distances: which distances.
        processes: those that hold a slice of its gallery each.
        device: where to multiply and count.
    """
    query, gallery = (one.query, one.gallery) if device == "cpu" else _sent(one, device)
    began = time.monotonic()
    passes = len({distance.unit for distance in distances})
    with step_bar(f"score {one.name}: {len(one.query)} x {len(one.gallery_ids)}", passes, "passes") as bar:
        rankings: dict[Scoring, Ranking] = {}
        known: dict[Distance, Any] = {}
        for distance in distances:
            fresh = all(other.unit != distance.unit for other in known)
            more = score_side_by_side(
                query, gallery, *one.labels, query_in_gallery=one.inside, distances=[distance], known=known,
                processes=processes,
            )  # fmt: skip
            rankings |= more
            known[distance] = {scoring.convention: ranking for scoring, ranking in more.items()}
            bar.update(int(fresh))
    notes: tuple[str, ...] = ()
    if one.inside is None:
        notes = ("No gallery without the queries is scored: 8 of 12 conventions.",)
        if one.apart:
            notes = ("The gallery holds no queries, so that the one without queries is the one without junk.",)
    if one.about.get("precision"):
        notes += (f"Encoded in {one.about['precision']}.",)
    note(f"scored {len(rankings)} ways in {time.monotonic() - began:.1f} s")
    return Evaluation(
        one.name, rankings, one.query_ids, one.keys, one.about, notes,
        placing=one.placing, apart=one.apart, unnamed=one.unnamed,
    )  # fmt: skip


def _sent(one: DescriptorTable, device: str) -> tuple[Any, Any]:
    """Queries and gallery on an accelerator."""
    import torch

    return torch.tensor(one.query, device=device), torch.tensor(one.gallery, device=device)


def as_text(found: Sequence[Evaluation]) -> str:
    """Tables and sentences for a terminal."""
    lines: list[str] = []
    for one in found:
        lines += _wrapped([f"{one.name}: {sentence}" for sentence in (one.placing, *one.notes) if sentence])
    lines.append("")
    if len(found) > 1:
        for metric in WITH_INTERVALS:
            table = descriptors.comparison_table(found, metric)
            lines += [table.caption, table.as_text(), ""]
        lines += [*_wrapped((*table.notes, descriptors.turned(found))), ""]
    for one in found:
        for table in (descriptors.named_table(one), descriptors.joined_table(one)):
            lines += [table.caption, table.as_text(), *table.notes, ""]
        lines += [*_wrapped(descriptors.sentences(one)), ""]
    return "\n".join(lines).rstrip()


def _wrapped(sentences: Sequence[str]) -> list[str]:
    width = min(max(shutil.get_terminal_size((WIDEST, 24)).columns, NARROWEST), WIDEST)
    return [line for sentence in sentences for line in textwrap.wrap(sentence, width)]


def as_data(found: Sequence[Evaluation], command: str) -> dict[str, Any]:
    """Everything as plain data at full precision."""
    return {
        "sets": [
            {
                "name": one.name,
                "queries": one.placing,
                "notes": list(one.notes),
                "about": dict(one.about),
                "words": descriptors.sentences(one),
            }
            for one in found
        ],
        "tables": {table.name: table.as_dict() for table in descriptors.tables(found)},
        "turned": descriptors.turned(found),
        "command": command,
    }


def _open(name: str, options: argparse.Namespace, split: Any, share: RankShare) -> DescriptorTable:
    """A file, a set, a judge step's folder or a run id."""
    path = Path(name)
    if not path.exists() and not path.suffix and "/" not in name:
        path = step_of_run(name, options.tracking_uri, Path(options.work))
    if path.is_dir() and (path / "result.json").is_file():
        return of_step(path, share)
    if path.is_dir() and path.suffix != SUFFIX and not path.name.endswith(".partial"):
        there = sorted(one.name for one in path.glob(f"*{SUFFIX}"))
        hint = f"it holds {', '.join(there)}" if there else f"it holds no set NAME{SUFFIX}"
        raise RunError(f"{path} is no set of descriptors: it has no {RECORD}; {hint}.")
    return load(path, split, options.queries, share)


def _told_apart(sets: Sequence[DescriptorTable]) -> list[DescriptorTable]:
    """Sets of one name get a number, so that tables can tell them apart."""
    names = [one.name for one in sets]
    return [
        replace(one, name=f"{one.name} ({place})") if names.count(one.name) > 1 else one
        for place, one in enumerate(sets, 1)
    ]


def _write(folder: Path, found: Sequence[Evaluation], command: str) -> None:
    """Page, tables and data, each file whole."""
    files = {"index.html": descriptors.page(found, command)}
    for table in descriptors.tables(found):
        files |= {f"{table.name}.csv": table.as_csv(), f"{table.name}.tex": table.as_latex()}
    files["evaluation.json"] = json.dumps(as_data(found, command), indent=1, ensure_ascii=False) + "\n"
    for name, text in files.items():
        atomic.write_text(folder / name, text)


if __name__ == "__main__":
    sys.exit(main())
