"""Which code decided a result: a digest of every module that a kind of step may run, and no hand-kept list of files.

A kind of step names the modules in which its work is done; all that these import, down to the last one, decides with
them (`runners.plan.import_closure`). Some modules are imported and decide nothing, or have their say in a step of
their own: they are left out below, each with its reason. What is found only while it runs, an arm's folder, the
reader of a data set, a protocol's file, is named by the step.
"""

import ast
import contextlib
import hashlib
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from files import plug_ins
from methods.registry import package_of
from runners.errors import RunError
from runners.plan.import_closure import ROOTS, Source, Sources

DECIDES_NOTHING: Mapping[str, str] = {
    "datasets.errors": "words of refusals",
    "methods.errors": "words of refusals",
    "protocols.errors": "words of refusals",
    "runners.errors": "words of refusals",
    "files.atomic": "writes a file whole or not at all",
    "files.cores": "tells how many threads or processes work side by side",
    "files.errors": "words of refusals",
    "files.formats.toml": "reads cards; what a card says is among the inputs",
    "files.progress": "bars and lines on a terminal",
    "runners.progress": "bars and lines on a terminal",
    "files.digest": "tells whether a file is what was written",
    "files.lock": "keeps two processes apart; writes nothing",
    "files.plug_ins": "finds kinds of results; a step names the module of its own",
    "runners.ground_truth.discovery": "finds measurements; each is a step, which names its module",
    "runners.oracles.discovery": "finds controls that train nothing; a step names the code of its own",
    "files.inventory": "tells whether files are what was written",
    "protocols.discovery": "finds protocols; a step names the file of its own",
    "methods.cards.validation": "refuses a card or lets it pass; what a card says is among the inputs",
    "runners.plan.environment": "what it tells of the machine is among the inputs: runtime and precision",
    "runners.plan.import_closure": "tells what code decides",
    "runners.plan.code_digest": "tells what code decides",
    "runners.plan.adapted_stage": "what it makes of a stage is written down as inputs",
    "runners.plan.plan": "all that a plan decides is written down as inputs",
    "runners.plan.plan_types": "values of a plan, written down as inputs",
    "runners.plan.data_names": "all that a repairer's text decides is written down as inputs",
    "runners.plan.result_steps": "writes down inputs",
    "runners.plan.step_store": "keeps what steps made, and the numbers in it as they are",
    "reports": "reads what was recorded, afterwards",
}
"""Imported by modules that decide, and decides nothing itself."""

_DATA: Mapping[str, str] = {
    "datasets.attributes.duke": "an annotation enters by a fingerprint of all that was read",
    "datasets.attributes.mars": "an annotation enters by a fingerprint of all that was read",
    "datasets.attributes.rap": "an annotation enters by a fingerprint of all that was read",
    "datasets.attributes.synthwalk": "an annotation enters by a fingerprint of all that was read",
    "datasets.pack.writer": "writes packs; their frames are those of the images",
    "datasets.repaired": "repaired data are a step: repaired",
    "datasets.synthwalk.write": "renders; what was rendered lies on disk and has a fingerprint",
    "runners.derived_data.annotations": "an annotation enters by a fingerprint of all that was read",
    "runners.evaluation.score": "accuracies are a step: judge",
    "runners.derived_data.pseudo_labels": "labels of an arm are a step: labels",
    "runners.derived_data.network_repairer": "repaired data are a step: repaired",
}


@dataclass(frozen=True)
class Kind:
    """One kind of step.

    Attributes:
        entries: modules in which its work is done.
        version: raised where something decides that no import shows; the reason stands beside it.
    """

    entries: tuple[str, ...]
    version: int = 1


_FIXED: Mapping[str, Kind] = {
    "frames": Kind(("datasets.frames.decoded", "datasets.frames.decode_pool")),
    "features": Kind(
        (
            "runners.training.frame_features",
            "runners.training.trunk_maps",
            "datasets.frames.open",
            "datasets.frames.shared",
        )
    ),
    "maps": Kind(("runners.training.trunk_maps", "datasets.frames.open", "datasets.frames.shared")),
    "stage": Kind(("runners.training.stage", "runners.training.loop", "runners.pipeline.data_versions")),
    "regions": Kind(("runners.derived_data.region_scores", "runners.pipeline.data_versions", "runners.training.stage")),
    "labels": Kind(
        (
            "runners.derived_data.pseudo_labels",
            "runners.ground_truth.attributes",
            "runners.pipeline.data_versions",
            "runners.training.stage",
        )
    ),
    "repaired": Kind(
        (
            "datasets.repaired.write",
            "runners.derived_data.network_repairer",
            "runners.pipeline.data_versions",
            "runners.training.stage",
        )
    ),
    "masked": Kind(("runners.oracles.true_mask_pooling", "datasets.frames.open", "datasets.frames.shared")),
    "painted": Kind(("runners.oracles.painted_frames", "datasets.frames.open", "datasets.frames.shared")),
    "start": Kind(("runners.pretraining.train", "runners.training.loop")),
    "examine": Kind(("runners.pipeline.examination", "protocols.admission", "protocols.cost.measure")),
    "judge": Kind(("runners.pipeline.job", "runners.evaluation.score", "runners.pipeline.ground_truth")),
}


def measured(folder: Path, package: str, carried_out: str = "runners.pipeline.ground_truth") -> dict[str, Kind]:
    """Kinds of steps that modules of a folder state as ``STEP``, read as text: nothing is imported.

    Args:
        folder: of `runners.ground_truth` or `runners.oracles`, or one that holds a ``measurement.py``.
        package: its dotted name.
        carried_out: module that carries them out.

    Returns:
        Kind -> its modules: the one that states it, those of its ``ENTRIES``, and that which carries it out.
    """
    found = {}
    for file in sorted(folder.glob("*.py")):
        stated = _constants(file)
        if isinstance(stated.get("STEP"), str):
            entries = (f"{package}.{file.stem}", carried_out, *stated.get("ENTRIES", ()))
            found[stated["STEP"]] = Kind(entries)
    return found


def _constants(file: Path) -> dict[str, Any]:
    """Plain constants at the top of a module; none of one that is no Python, which its import will say."""
    found: dict[str, Any] = {}
    with contextlib.suppress(OSError, SyntaxError, ValueError):
        for statement in ast.parse(file.read_bytes()).body:
            match statement:
                case ast.Assign(targets=[ast.Name(id="STEP" | "ENTRIES" as name)], value=value):
                    found[name] = ast.literal_eval(value)
    return found


_MEASURED = measured(Path(__file__).parents[1] / "ground_truth", "runners.ground_truth")
_UNTRAINED = measured(Path(__file__).parents[1] / "oracles", "runners.oracles", "runners.pipeline.untrained")

KINDS: Mapping[str, Kind] = {**_FIXED, **_MEASURED, **_UNTRAINED}
"""Every kind of step of the suite, decoded frames, and controls that train nothing, whose digest is an input."""

BY_FINGERPRINT: Mapping[str, str] = {
    **_DATA,
    **{kind.entries[0]: f"what it measures is a step: {step}" for step, kind in _MEASURED.items()},
    **{kind.entries[0]: f"its digest is an input where it is scored: {step}" for step, kind in _UNTRAINED.items()},
}
"""Has its say through data or through a step whose fingerprint is an input; followed only where it is that step."""


def kinds() -> Mapping[str, Kind]:
    """`KINDS`, and those of measurements that lie in folders outside the suite."""
    found = dict(KINDS)
    for folder in plug_ins.outside_folders():
        found |= measured(folder, plug_ins.package_of(folder))
    return found


def code_digest(kind: str, *, arm: Path | None = None, modules: Iterable[str] = ()) -> str:
    """Digest of the code that decides a step.

    Args:
        kind: of `kinds`.
        arm: folder of the method that the step trains or asks. One outside the suite counts with all that it imports
            from its author's own packages; installed ones do not count.
        modules: what is found only while it runs: the reader of the data set, the protocol's file.

    Returns:
        16 hexadecimal digits. They change with what any of these modules does, with its name, and with `Kind.version`.

    Raises:
        RunError: no such kind or module, or a file that is no Python.
    """
    return _digest(kind, kinds().get(kind), arm, tuple(modules))


@cache
def _digest(kind: str, told: Kind | None, arm: Path | None, modules: tuple[str, ...]) -> str:
    return digest_of(kind, closure(kind, _everything(), arm=arm, modules=modules))


@cache
def _everything() -> Sources:
    """The sources as they were when the first digest was asked for: later edits belong to later runs."""
    sources = _with_outside_kinds(Sources.of())
    for kind in kinds():
        closure(kind, sources)
    return sources


def closure(
    kind: str, sources: Sources, *, arm: Path | None = None, modules: Iterable[str] = ()
) -> Mapping[str, Source]:
    """All modules that decide a step, by dotted name, sorted; arguments and errors as in `code_digest`.

    Args:
        kind: of `kinds()`.
        sources: of the suite.
        arm: folder of the method.
        modules: what is found only while the step runs.

    Raises:
        RunError: there is no such kind.
    """
    known = kinds()
    if kind not in known:
        raise RunError(f"there is no kind of step called {kind!r}; known: {', '.join(known)}.")
    entries = [*known[kind].entries, *modules]
    sources = _with_outside_kinds(sources)
    if arm is not None:
        package = package_of(arm) or f"outside_{re.sub(r'[^0-9A-Za-z_]', '_', arm.name)}"
        methods = [f"{package}.options", f"{package}.model"]
        if package_of(arm) is None:
            sources = _with_all_it_imports(sources.with_outside(package, arm), methods)
        entries += methods
    wanted = (*entries, *(parent for name in entries for parent in _packages(name)))
    left_out = [name for name in (*DECIDES_NOTHING, *BY_FINGERPRINT) if name not in wanted]
    return sources.closure(entries, left_out)


def _with_outside_kinds(sources: Sources) -> Sources:
    """The same and the folders outside the suite that hold kinds of results."""
    for folder in plug_ins.outside_folders():
        if plug_ins.package_of(folder) not in sources.packages:
            sources = sources.with_outside(plug_ins.package_of(folder), folder)
    return sources


def digest_of(kind: str, modules: Mapping[str, Source]) -> str:
    """Digest of a closure."""
    digest = hashlib.sha256(f"{kind} {kinds()[kind].version}\n".encode())
    for name, source in modules.items():
        digest.update(f"{name} {source.tree}\n".encode())
    return digest.hexdigest()[:16]


def _with_all_it_imports(sources: Sources, entries: list[str]) -> Sources:
    """The same and what modules outside the suite import of their author's own: neither Python's nor installed."""
    seen = set(sys.stdlib_module_names)
    while True:
        outside = (each for name, each in sources.closure(entries).items() if name.partition(".")[0] not in ROOTS)
        tops = {name.partition(".")[0] for each in outside for name in each.imports} - seen - set(sources.packages)
        if not tops:
            return sources
        seen |= tops
        for top in sorted(tops):
            place = _place_of(top)
            if place is not None:
                sources = sources.with_outside(top, place)


def _place_of(top: str) -> Path | None:
    """Folder or file of a top package or module that is on the import path without being installed."""
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        return None
    origin = spec.origin if spec else None
    if origin is None or not origin.endswith(".py") or {"site-packages", "dist-packages"} & set(Path(origin).parts):
        return None
    return Path(origin).parent if Path(origin).name == "__init__.py" else Path(origin)


def _packages(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]
