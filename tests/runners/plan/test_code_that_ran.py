"""What really ran while steps were made lies in what their digests cover: no static reading is taken on trust."""

import inspect
import os
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

import datasets
import methods
import protocols
from runners.pipeline import examination
from runners.pipeline.job import Job
from runners.plan.code_digest import BY_FINGERPRINT, DECIDES_NOTHING, KINDS, closure
from runners.plan.import_closure import HOUSE, ROOTS, Sources
from runners.plan.plan_types import ArmRun, JobConfig
from runners.plan.step_store import Step, StepStore

NO_FUNCTION = ("<module>", "<lambda>", "<listcomp>", "<genexpr>", "<dictcomp>", "<setcomp>")


class Watch:
    """Code of the suite that was called, by the kind of the step that was being made; "" for none."""

    def __init__(self) -> None:
        self.code: dict[str, set[CodeType]] = defaultdict(set)
        self.kinds = [""]

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        self.code[self.kinds[-1]].add(frame.f_code)

    def files(self, *kinds: str) -> set[str]:
        """Files in which a function was called; the body of a module or a class, which an import runs, is none."""
        called = (code for kind in kinds for code in self.code[kind] if code.co_flags & inspect.CO_OPTIMIZED)
        return {code.co_filename for code in called if code.co_name not in NO_FUNCTION}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch all threads that begin in here."""
        threading.settrace(self)
        sys.settrace(self)
        try:
            yield
        finally:
            sys.settrace(None)
            threading.settrace(None)


def _counted(files: set[str]) -> set[str]:
    """Dotted names of those of the suite's modules that are not left out of digests by name."""
    own = [Path(file).relative_to(HOUSE) for file in files if file.startswith(f"{HOUSE}{os.sep}")]
    names = {".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in own if path.parts[0] in ROOTS}
    left_out = tuple(f"{name}." for name in (*DECIDES_NOTHING, *BY_FINGERPRINT))
    return {name for name in names if not f"{name}.".startswith(left_out)}


def test_all_that_ran_is_covered(
    tmp_path: Path, tiny_world: Path, brief: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch()
    real = StepStore.running

    @contextmanager
    def running(self: StepStore, step: Step, *more: Any, **options: Any) -> Iterator[Path]:
        with real(self, step, *more, **options) as folder:
            watch.kinds.append(step.kind)
            try:
                yield folder
            finally:
                watch.kinds.pop()

    split = datasets.load("synthwalk", tiny_world)
    reader = datasets.reader_of(split.name)
    config = JobConfig(
        card=methods.paper(brief),
        profile="embedded",
        budget="quick",
        pretrained="card",
        size=(32, 16),
        num_ids=split.num_train_ids,
        data=split.fingerprint,
        reader=reader,
        device="cpu",
        runtime={},
    )
    protocol = protocols.load("rgb-single-pass")
    monkeypatch.setattr(examination, "COST_LENGTHS", (2,))
    monkeypatch.setattr(StepStore, "running", running)
    job = Job(config, split, protocol, StepStore(tmp_path), tmp_path, "test")
    with watch.watching():
        list(job.outcomes([ArmRun(methods.arm("gltr", config.card))], [0]))

    assert {"stage", "features", "judge", "examine", "explain"} <= set(watch.code)
    trained = _counted(watch.files("stage"))
    assert trained >= {"runners.training.loop", "methods.cards.recipe", "datasets.frames.decoded", "methods.gltr.model"}
    named = (reader, protocols.module_of(protocol.name))
    arms = [HOUSE / "methods" / name for name in ("gltr", "baseline")]
    covered = {kind: {n for arm in arms for n in closure(kind, Sources.of(), arm=arm, modules=named)} for kind in KINDS}
    for kind, names in covered.items():
        assert _counted(watch.files(kind)) <= names, kind
    assert _counted(watch.files(*watch.code)) <= set().union(*covered.values())  # between the steps too
