"""`python -m runners.attributes`: what is annotated about people, and does it fit a data set?"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import datasets
from datasets import attributes
from datasets.attributes import GROUPS, Annotation, Attribute, Join, rap, synthwalk
from datasets.tracklet import Split
from methods.cards.recipe import PROFILES
from runners.cli.exit_codes import guarded
from runners.cli.options import add_budget, add_precision

DESCRIPTION = """\
Attributes of people (hat, backpack, top color, ...): show an annotation and count how it joins with a data set, or make
one by a network that learned them elsewhere.

what can be read, recognised by its content:
  MARS-Attribute v1 and v2 and Duke-Attribute (the released CSV files), a rendered SynthWalk folder (its truth),
  a RAP folder or its RAP_annotation.mat, and a CSV of your own:

    person_id,upper body/red top,backpack,mood
    2,1,0,cheerful
    4,,1,grumpy

  one column says whose row it is: person_id, or tracklet (a key such as 0002C1T0012); every other one is an attribute,
  written as name or group/name (/name for none); 0/1 is yes/no, words are a choice, an empty cell is unknown.
  Only attributes with a group can be learned; the groups of ADFD are:
    gender and age, head and shoulders, upper body, lower body, shoes, attachments

examples:
  # what is in it: attributes by group, how often each value occurs, what is undocumented
  python -m runners.attributes show mars_attributes_v2_motion.csv

  # does it fit my copy of MARS? (16,360 of 16,360 tracklets of real persons)
  python -m runners.attributes show mars_attributes_v2_motion.csv --dataset mars --data-root /data/mars

  # the truth of a rendered world; the layout of RAP (both are joined with their own images)
  python -m runners.attributes show data/synthwalk
  python -m runners.attributes show /data/rap --json

  # nobody annotated my data: learn attributes from RAP, label the people of the training half
  python -m runners.attributes transfer labels.csv --source /data/rap --dataset mars --data-root /data/mars \\
      --profile paper --device cuda

exit codes: 0 done, 1 not one tracklet of the data set has a row, 2 bad input
"""


class _Action(NamedTuple):
    """One subcommand: what it is for, its arguments, and what it does."""

    summary: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


@guarded
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parsed = _parser().parse_args(argv)
    result: int = parsed.action(parsed)
    return result


def _show(parsed: argparse.Namespace) -> int:
    annotation, split = _read(parsed.source)
    if parsed.data_root is not None:
        split = datasets.examine(parsed.dataset, parsed.data_root, check_images=False).split
    joins = None if split is None else _joins(annotation, split)
    if parsed.json:
        facts = _facts(annotation, parsed.source)
        if split is not None and joins is not None:
            named = {"name": split.name, "root": str(split.root), "fingerprint": split.fingerprint}
            facts["join"] = {**named, **{part: found._asdict() for part, found in joins.items()}}
        print(json.dumps(facts, indent=2))
    else:
        print(_spoken(annotation, parsed.source))
        if split is not None and joins is not None:
            print(f"join with {split.name} ({split.root}):")
            print("\n".join(f"  {_spoken_join(part, found)}" for part, found in joins.items()))
    return 1 if joins is not None and not joins["all"].joined else 0


def _read(source: Path) -> tuple[Annotation, Split | None]:
    """An annotation, and the data set that it came with."""
    if source.is_dir() and rap.is_here(source):
        split, annotation = rap.load_source(source)
        return annotation, split
    if source.is_dir() and synthwalk.is_here(source):
        return attributes.load(source), datasets.examine("synthwalk", source, check_images=False).split
    return attributes.load(source), None


def _joins(annotation: Annotation, split: Split) -> dict[str, Join]:
    parts = {"all": (*split.train, *split.test), "train": split.train, "test": split.test, "query": split.query}
    return {part: annotation.join(tracklets) for part, tracklets in parts.items()}


def _facts(annotation: Annotation, source: Path) -> dict[str, Any]:
    learned = [group.name for group in annotation.groups]
    return {
        "source": str(source),
        "name": annotation.name,
        "fingerprint": annotation.fingerprint,
        "rows": len(annotation.people),
        "rows_are": _rows_are(annotation),
        "people": len(set(annotation.people.tolist())),
        "attributes": [
            {
                "name": attribute.name,
                "kind": attribute.kind,
                "values": list(attribute.values),
                "group": attribute.group,
                "level": attribute.level,
                "polarity": attribute.polarity,
                "counts": _counts(annotation, attribute),
            }
            for attribute in annotation.attributes
        ],
        "groups": [{"name": group.name, "columns": list(group.columns)} for group in annotation.groups],
        "dropped_groups": [name for name in GROUPS if name not in learned],
        "notices": list(annotation.notices),
    }


def _rows_are(annotation: Annotation) -> str:
    return "tracklets" if annotation.keys[0] else "identities"


def _counts(annotation: Annotation, attribute: Attribute) -> dict[str, int]:
    """Rows with each value; `unknown` only where there are any."""
    codes = annotation.codes[:, annotation.attributes.index(attribute)]
    counts = {value: int((codes == code).sum()) for code, value in enumerate(attribute.values)}
    unknown = int((codes == attributes.UNKNOWN).sum())
    return {**counts, "unknown": unknown} if unknown else counts


def _spoken(annotation: Annotation, source: Path) -> str:
    facts = _facts(annotation, source)
    lines = [
        f"{source}: {annotation.name}, {facts['rows']:,} rows ({facts['rows_are']}) of {facts['people']:,} people, "
        f"fingerprint {annotation.fingerprint}"
    ]
    rows = [("group", "attribute", "told of", "meaning", "rows with each value")]
    by_group = [*dict.fromkeys([*(group.name for group in annotation.groups), ""])]
    for told in sorted(facts["attributes"], key=lambda told: by_group.index(told["group"])):
        bare = told["kind"] == "binary" and told["polarity"] == "undocumented"  # neither code may be called yes
        named = {"no": "code 0", "yes": "code 1"} if bare else {}
        counts = ", ".join(f"{named.get(value, value)}: {count:,}" for value, count in told["counts"].items())
        rows.append((told["group"] or "-", told["name"], told["level"], told["polarity"], counts))
    widths = [max(len(row[place]) for row in rows) for place in range(4)]
    lines += [
        "  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, [*widths, 0], strict=True)) for row in rows
    ]
    learned = ", ".join(f"{group.name} ({len(group.columns)})" for group in annotation.groups) or "none"
    lines.append(f"groups that can be learned, with their yes/no columns: {learned}")
    lines.append(f"groups without an attribute: {', '.join(facts['dropped_groups']) or 'none'}")
    lines += [f"notice: {told}" for told in annotation.notices]
    return "\n".join(lines)


def _spoken_join(part: str, found: Join) -> str:
    without = found.tracklets - found.joined
    told = f"{part + ':':<6} {found.joined:,} of {found.tracklets:,} tracklets of real persons have a row"
    if without:
        told += f", {without:,} have none ({', '.join(found.missing)}{', ...' if without > len(found.missing) else ''})"
    if part == "all":
        told += f"; {found.unused:,} rows are of no tracklet"
    return told + (f"; {found.nobody:,} tracklets of distractors and junk not counted" if found.nobody else "")


def _show_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, help="a CSV file, a SynthWalk or RAP folder, or RAP_annotation.mat")
    parser.add_argument("--dataset", default="mars", help=f"one of {', '.join(datasets.names())} (default mars)")
    parser.add_argument("--data-root", type=Path, metavar="DIR", help="folder of a data set to join with")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def _transfer(parsed: argparse.Namespace) -> int:
    from runners.pipeline.transfer import transfer

    made = transfer(parsed)
    if parsed.json:
        print(json.dumps(made, indent=2))
    else:
        print(
            f"{made['file']}: {len(made['columns'])} attributes of {made['people']:,} people, told by {made['arm']}, "
            f"which learned from {made['source']}"
        )
        print(f"use it:  python -m runners.reproduce --paper adfd --attributes {made['file']}")
    return 0


def _transfer_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("out", help="the file to write, a CSV; it must not exist")
    parser.add_argument("--arm", default="adfd/transfer-wbce-mmd", metavar="PAPER/ARM", help=f"{_ARM_HELP} %(default)s")
    parser.add_argument(
        "--source",
        metavar="FOLDER",
        help="what it learns from: RAP, or a rendered SynthWalk (default for synthwalk: a world that is rendered)",
    )
    parser.add_argument(
        "--dataset", default="synthwalk", help="whose training people are labelled (default %(default)s)"
    )
    parser.add_argument("--data-root", metavar="FOLDER", help="where it lies; needed for all but synthwalk")
    parser.add_argument("--size", metavar="HxW", help="image size; default: the recipe's")
    parser.add_argument("--seed", type=int, default=0, help="of the training (default 0)")
    parser.add_argument("--profile", choices=PROFILES, default="embedded", help="how it is trained")
    add_budget(parser)
    add_precision(parser)
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--work", default="runs", metavar="FOLDER", help="finished steps (default %(default)s)")
    parser.add_argument("--json", action="store_true", help="print what was made as JSON")


_ARM_HELP = "the arm that labels, see `python -m runners.reproduce --list --paper adfd`; default"
_ACTIONS = {
    "show": _Action("print what is annotated, and how it joins with a data set", _show_arguments, _show),
    "transfer": _Action("learn attributes elsewhere and label people with them", _transfer_arguments, _transfer),
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m runners.attributes",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    for name, action in _ACTIONS.items():
        added = actions.add_parser(
            name, help=action.summary, description=f"{action.summary[0].upper()}{action.summary[1:]}."
        )
        action.arguments(added)
        added.set_defaults(action=action.run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
