"""`python -m runners.data verify`: is this data set what it should be, down to each file?"""

import argparse
import csv
import io
import json
import textwrap
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from datasets import pack
from datasets.catalogue import entry
from datasets.checks import Check, Examination, Problem
from datasets.detect_layout import PACK
from datasets.errors import DataError
from datasets.files.content_digest import Content
from datasets.identifiers import printable
from datasets.inspection.frames import KINDS, Inspection, inspect
from datasets.inspection.official import check_figures
from datasets.inspection.statistics import census
from datasets.tracklet import Split
from reports.errors import ReportError
from reports.render.write import write_files
from runners.dataset_tools.source import add_source, divisions_of, examine, facts, name_of, of_names, size_of, spoken
from runners.errors import RunError

DESCRIPTION = """\
Check a data set. Four levels, each with all of those before it:

  --no-images   names and tables: every count of the official release, lengths, cameras, query and gallery
  --quick       one listing of every image folder: frames missing or empty, files that do not belong there
  (default)     every frame opened: cut short, damaged, of a wrong size, the same frame twice; thousands a second
                (tracklets of one person under one camera may overlap: their equal frames are counted, no fault)
  --pixels      every frame decoded: what is damaged in the middle of a JPEG

A data set with several divisions is checked in each of them unless --split names one; its frames are opened once. A
pack beside the images, or named itself, is checked by its checksums; where it holds other bytes than the images beside
it, these are named. What a rendered or repaired set holds is compared with its manifest.

examples:
  python -m runners.data verify /data/mars
  python -m runners.data verify /data/mars --quick
  python -m runners.data verify /data/mars --report problems.csv      # a row each: kind, file, found, remedy
  python -m runners.data verify /data/prid2011 --accept repeated      # the recording stands still: I know
  python -m runners.data verify /data/mine.csv --frame-size 256x128

exit codes: 0 all checks passed, 1 one failed, 2 it cannot be read at all
"""

_SHOWN = 20  # problems of a kind that are printed
_WIDTH = 118  # of a note
_SIZES = 4  # frame sizes that are printed
ACCEPTABLE = (*KINDS, "order", "camera", "person", "name", "place", "folder", "copy", "content", "pack")
"""Kinds of problems: those of opened files, those that readers tell, and those of packs."""


@dataclass(frozen=True, eq=False)
class _Verified:
    """All that was found out about a data set."""

    examined: Sequence[Examination]  # one a division
    checks: Sequence[Check]
    figures: Sequence[Check]  # lengths and cameras of the official release; many, so shown only where they fail
    problems: Sequence[Problem]
    opened: Inspection | None

    def failed(self, accepted: Collection[str]) -> list[Check]:
        every = [*self.checks, *self.figures]
        return [check for check in every if not check.passed and not _accepts(check, accepted)]


def add_parser(actions: Any) -> None:
    """The action and its options."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "verify",
        help="check a data set down to each file; exit code 1 if a check fails",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_source(parser)
    depth = parser.add_argument_group("how closely")
    level = depth.add_mutually_exclusive_group()
    level.add_argument("--quick", action="store_true", help="list the image folders, open no file")
    level.add_argument("--pixels", action="store_true", help="decode every frame too")
    depth.add_argument(
        "--frame-size", type=size_of, metavar="HxW", help="what every frame must have (default: 256x128 for MARS)"
    )
    shown = parser.add_argument_group("what is said")
    shown.add_argument(
        "--accept",
        action="append",
        default=[],
        metavar="KIND",
        help=f"a kind of problem that you know of and that is none: {', '.join(ACCEPTABLE)}; repeatable",
    )
    shown.add_argument("--all", action="store_true", help=f"print every problem, not {_SHOWN} of a kind")
    shown.add_argument("--report", type=Path, metavar="FILE.csv", help="write every problem into a table")
    shown.add_argument("--json", action="store_true", help="print all as JSON")
    shown.set_defaults(action=verify)


def verify(arguments: argparse.Namespace) -> int:
    """Check, print, and return the exit code."""
    _check_options(arguments)
    found = _verify(arguments)
    failed = found.failed(arguments.accept)
    if arguments.report:
        _write_report(arguments.report, found.problems)
    if arguments.json:
        print(json.dumps(_as_dict(found, failed, arguments), indent=2))
    else:
        print(printable(_as_text(found, failed, arguments)))
    return 1 if failed else 0


def _check_options(arguments: argparse.Namespace) -> None:
    for kind in arguments.accept:
        if kind not in ACCEPTABLE:
            raise RunError(f"--accept {kind}: there is no such kind of problem; there are {', '.join(ACCEPTABLE)}.")
    for option in ("quick", "pixels"):
        if arguments.no_images and getattr(arguments, option):
            raise RunError(f"--no-images leaves the images alone, and --{option} looks at them; take one of the two.")
    if arguments.report and arguments.report.suffix.lower() != ".csv":
        raise RunError(f"--report {arguments.report}: the table of problems is a .csv file; name one.")
    if arguments.report and arguments.report.is_dir():
        raise RunError(f"--report {arguments.report} is a folder; name a .csv file in it.")


def _verify(arguments: argparse.Namespace) -> _Verified:
    name = name_of(arguments)
    divisions = divisions_of(arguments, name)
    shallow = arguments.no_images or arguments.quick
    # Of several divisions the first has read every frame again by the time that the others ask.
    closely: Content = "no" if shallow else "read"
    further: Content = "no" if shallow else "known"
    examined = [examine(arguments, name, n, further if n != divisions[0] else closely) for n in divisions]
    first = examined[0]
    checks, problems, figures = list(first.checks), list(first.problems), list[Check]()
    for number, one in zip(divisions[1:], examined[1:], strict=True):
        # The divisions share their files, so most of what fails in one fails in all.
        known = {(check.what, check.found) for check in first.failed}
        checks += [
            replace(check, what=f"division {number}: {check.what}")
            for check in one.failed
            if (check.what, check.found) not in known
        ]
        seen = set(problems)
        problems += [problem for problem in one.problems if problem not in seen]
    if first.expectation.startswith("official"):
        named = {check.what for check in checks}
        figures = [check for check in check_figures(name, census(first.split)) if check.what not in named]
    packed = _packed(first.split)
    opened = None
    if not shallow:
        if packed is not None:
            faults = _faults_of_pack(packed, examined)
            checks.append(Check("faults of the pack", 0, len(faults), str(faults[0]) if faults else "", "pack"))
            problems += faults
        known_kinds = ("missing", "empty", "pack") if packed == first.split.root else ("missing", "empty")
        listed = [problem.file for problem in problems if problem.kind in known_kinds]
        opened = inspect(first.split, size=_size(arguments, first, name), pixels=arguments.pixels, skip=listed)
        checks += opened.checks()
        told = {(problem.kind, problem.file) for problem in problems}
        problems += [problem for problem in opened.problems if (problem.kind, problem.file) not in told]
    return _Verified(examined, checks, figures, problems, opened)


def _packed(split: Split) -> Path | None:
    """The pack that is a data set or lies beside its images, finished or not."""
    return next((place for place in (split.root, split.root / "pack") if (place / PACK).is_file()), None)


def _faults_of_pack(folder: Path, examined: Sequence[Examination]) -> list[Problem]:
    """Damaged files and frames of a pack, and what differs from the images that it lies beside."""
    splits = [one.split for one in examined]
    place = "" if folder == splits[0].root else f"{folder.name}/"
    try:
        found = [replace(one, kind="pack", file=f"{place}{one.file}") for one in pack.verify(folder, progress=True)]
        held = () if found else pack.open_pack(folder).fingerprints
        others = [split for split in splits if split.fingerprint not in held]
        if found or not others or not place:
            return found
        told = "holds other data than the images beside it, so it is not used"
        found.append(Problem("pack", f"{place}{PACK}", told, "remove the pack and write it again"))
        return [*found, *pack.differences(folder, others, progress=True)]
    except DataError as error:
        if not place:
            raise
        return [Problem("pack", f"{place}{PACK}", f"cannot be used ({error})", "remove the pack and write it again")]


def _size(arguments: argparse.Namespace, examined: Examination, name: str) -> tuple[int, int] | None:
    if arguments.frame_size is not None or not examined.expectation.startswith("official"):
        wanted: tuple[int, int] | None = arguments.frame_size
        return wanted
    known = entry(name)
    return None if known is None else known.frame_size


def _accepts(check: Check, accepted: Collection[str]) -> bool:
    """Whether a failed check only counts problems of a kind that the user knows of; a wrong count never does."""
    return check.kind in accepted


def _as_dict(found: _Verified, failed: Sequence[Check], arguments: argparse.Namespace) -> dict[str, Any]:
    split, limit = found.examined[0].split, None if arguments.all else _SHOWN
    shown = [asdict(problem) for _, some in _by_kind(found.problems) for problem in some[:limit]]
    result = {
        **facts(split),
        "compared_with": found.examined[0].expectation,
        "passed": not failed,
        "checks": [check.as_dict() for check in (*found.checks, *found.figures)],
        "notes": _notes(found),
        "accepted": arguments.accept,
        "problems": shown,
        "problems_found": dict(Counter(problem.kind for problem in found.problems)),
    }
    if len(found.examined) > 1:
        result["fingerprints"] = [one.split.fingerprint for one in found.examined]
    if found.opened is not None:
        result["opened"] = {
            "frames": found.opened.frames,
            "bytes": found.opened.size_on_disk,
            "seconds": found.opened.seconds,
            "decoded": found.opened.decoded,
            "sizes": [
                {"height": height, "width": width, "frames": count}
                for (height, width), count in found.opened.sizes.items()
            ],
        }
    return result


def _as_text(found: _Verified, failed: Sequence[Check], arguments: argparse.Namespace) -> str:
    first = found.examined[0]
    split = first.split
    which = f", division {split.number} of {split.divisions} (from 0)" if split.divisions > 1 else ""
    lines = [
        f"{split.root}: {split.name} {split.version}{which}, compared with {first.expectation}",
        f"fingerprint {split.fingerprint}{of_names(split, arguments)}",
        "",
        _table(found.checks, arguments.accept),
    ]
    if found.figures:
        wrong = [check for check in found.figures if not check.passed]
        met = f"all {len(found.figures)} official figures met" if not wrong else "see below"
        lines += ["", f"lengths and cameras: {met}"]
    others = len(found.examined) - 1
    if others:
        bad = sum(1 for one in found.examined[1:] if one.failed)
        told = (
            "the same checks passed in each" if not bad else f"checks fail in {bad} of them, listed where they differ"
        )
        lines += ["", f"{others} further divisions: {told}"]
    if found.opened is not None:
        lines += ["", *_opened(found.opened)]
    for note in _notes(found):
        lines += ["", *textwrap.wrap(f"note: {note}", _WIDTH, break_on_hyphens=False, break_long_words=False)]
    lines += _problems(found.problems, None if arguments.all else _SHOWN)
    if arguments.report:
        lines += ["", f"{len(found.problems):,} problems written to {arguments.report}"]
    lines.append("")
    # What its problems have told already is not told again.
    told_kinds = {problem.kind for problem in found.problems}
    for check in failed:
        detail = "" if not check.detail or _accepts(check, told_kinds) else f"; {check.detail}"
        lines.append(f"FAILED {spoken(check.what)}: {check.found:,}, expected {check.expected:,}{detail}")
    total = len(found.checks) + len(found.figures)
    passed = total - sum(1 for check in (*found.checks, *found.figures) if not check.passed)
    accepted = total - passed - len(failed)
    lines.append(
        f"{passed} of {total} checks passed"
        + (f", {accepted} accepted" if accepted else "")
        + (f", {len(failed)} failed" if failed else "")
        + _unseen(arguments)
    )
    return "\n".join(lines)


def _notes(found: _Verified) -> list[str]:
    """What is no failure, but should be known."""
    told = [note for one in found.examined for note in one.notes]
    opened = found.opened
    if opened is not None and opened.overlaps:
        told.append(
            f"{_counted(opened.overlaps, 'frame')} of a tracklet can be found in another of the same person under the "
            f"same camera ({_counted(opened.overlapping, 'pair')} of tracklets that overlap). This is no fault: such "
            "tracklets do not match each other, and the official release of MARS itself has tracklets of one "
            "person under one camera that overlap."
        )
    return list(dict.fromkeys(told))


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _unseen(arguments: argparse.Namespace) -> str:
    if arguments.no_images:
        return "; the images were not looked at"
    if arguments.quick:
        return "; no image was opened"
    return ""


def _table(checks: Sequence[Check], accepted: Collection[str]) -> str:
    rows = [("", "found", "expected", "")]
    for check in checks:
        expected = "-" if check.expected is None else f"{check.expected:,}"
        bad = "accepted" if _accepts(check, accepted) else "FAILED"
        verdict = "" if check.expected is None else "ok" if check.passed else bad
        rows.append((spoken(check.what), f"{check.found:,}", expected, verdict))
    first, second, third = (max(len(row[i]) for row in rows) for i in range(3))
    return "\n".join(f"  {a:<{first}}  {b:>{second}}  {c:>{third}}  {d}".rstrip() for a, b, c, d in rows)


def _opened(opened: Inspection) -> list[str]:
    rate = opened.frames / max(opened.seconds, 1e-9)
    what = "opened and decoded" if opened.decoded else "opened"
    sizes = [f"{height}x{width} ({count:,})" for (height, width), count in opened.sizes.items()]
    more = f" and {len(sizes) - _SIZES} more" if len(sizes) > _SIZES else ""
    return [
        f"{what} {opened.frames:,} frames, {opened.size_on_disk / 1e6:,.1f} MB, in {opened.seconds:.1f} s "
        f"({rate:,.0f} a second)",
        f"frame sizes, height x width: {', '.join(sizes[:_SIZES]) or 'none could be read'}{more}",
    ]


def _problems(problems: Sequence[Problem], limit: int | None) -> list[str]:
    lines: list[str] = []
    for kind, some in _by_kind(problems):
        lines += ["", f"{kind} ({len(some):,})", *(f"  {problem}" for problem in some[:limit])]
        if limit is not None and len(some) > limit:
            lines.append(f"  and {len(some) - limit:,} more: --all prints them, --report FILE.csv writes them down")
    return lines


def _by_kind(problems: Iterable[Problem]) -> list[tuple[str, list[Problem]]]:
    found: dict[str, list[Problem]] = {}
    for problem in problems:
        found.setdefault(problem.kind, []).append(problem)
    return list(found.items())


def _write_report(path: Path, problems: Sequence[Problem]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["kind", "file", "found", "remedy"])
    writer.writerows([[p.kind, printable(p.file), printable(p.found), p.remedy] for p in problems])
    try:
        write_files(path.parent, {path.name: text.getvalue()})
    except ReportError as error:
        raise RunError(f"--report {path}: {error.__cause__ or 'cannot be written'}; name another place.") from error
