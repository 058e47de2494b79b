"""Recorded steps: a folder on disk for each piece of work, named by the fingerprint of all that decides it.

A step is *done* when its folder stands under its final name; until then its files lie in a ``.partial``
folder, which a later run of the same step finds and goes on from.  The move from the one name to the other is
a single rename, so a run that is killed anywhere leaves either a whole step or a resumable one.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from runners.errors import RunError


def canonical_json(value: object) -> str:
    """JSON with sorted keys and no spaces, so that equal inputs give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True)
class Step:
    """One piece of work.

    Attributes:
        kind: folder that steps of this sort share, such as ``stage`` or ``judge``.
        name: for people; not part of the fingerprint.
        inputs: everything that decides the outcome, as JSON values.
    """

    kind: str
    name: str
    inputs: Mapping[str, Any]

    @cached_property
    def fingerprint(self) -> str:
        """32 hexadecimal digits over ``kind`` and ``inputs``."""
        return hashlib.sha256(canonical_json([self.kind, self.inputs]).encode()).hexdigest()[:32]


class StepStore:
    """All steps that were run from one working folder."""

    def __init__(self, root: Path) -> None:
        self.root = root / "steps"

    def folder(self, step: Step) -> Path:
        """Where the step's files are once it is done."""
        return self.root / step.kind / step.fingerprint

    def done(self, step: Step) -> bool:
        """Whether the step has been run to its end."""
        return (self.folder(step) / "step.json").is_file()

    @contextmanager
    def running(self, step: Step) -> Iterator[Path]:
        """Hand out the step's partial folder; on success move it into place whole.

        What an earlier, killed run left in the partial folder is still there.  On an error it stays for the
        next run.

        Raises:
            RunError: another process is at work on this very step.
        """
        final = self.folder(step)
        partial = final.with_suffix(".partial")
        partial.mkdir(parents=True, exist_ok=True)
        with (self.root / step.kind / f"{step.fingerprint}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise RunError(
                    f"another process is at work on {step.kind} '{step.name}' in {final.parent}; wait until it "
                    "has finished, or give this run a working folder of its own with --work."
                ) from None
            partial.mkdir(exist_ok=True)
            yield partial
            write_json(partial / "step.json", {"kind": step.kind, "name": step.name, "inputs": dict(step.inputs)})
            if final.exists():  # left without its step.json by something other than this class
                shutil.rmtree(final)
            partial.replace(final)
        (self.root / step.kind / f"{step.fingerprint}.lock").unlink(missing_ok=True)


def write_json(path: Path, value: object) -> None:
    """Write JSON whole or not at all; refuses NaN and infinities."""
    write_bytes(path, (json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n").encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: under another name first, then moved."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_json(path: Path) -> Any:
    """Read JSON that a step wrote.

    Raises:
        RunError: the file is damaged.
    """
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise RunError(
            f"{path}: cannot be read as a step's record ({error}); remove the folder {path.parent} and run again."
        ) from error
