"""Recorded steps: a folder on disk for each piece of work, named by the fingerprint of all that decides it.

A step is *done* when its folder stands under its final name; until then its files lie in a ``.partial`` folder, which a
later run of the same step finds and goes on from.  The move from the one name to the other is a single rename, so a run
that is killed anywhere leaves either a whole step or a resumable one.

Each step has a lock that one process holds while it works on it; whether the step is done is asked again inside, so
that who comes late uses what is there.  ``step.json`` is written last and holds size and digest of every file; a step
whose files are not what was written is set aside, named on stderr, and counts as not done (`files.inventory`).
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from files import inventory, lock
from files.atomic import write_bytes, write_json
from files.formats import json as json_files
from runners.errors import RunError
from runners.progress import note

__all__ = ["AGAIN", "RECORD", "Step", "StepStore", "canonical_json", "read_json", "write_bytes", "write_json"]

RECORD = "step.json"
AGAIN = "run again: what is damaged is made again"
_SAID = 2 << 30  # bytes from which a check is told: it takes seconds


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
    """All steps that were run from one working folder; what it says is done was checked once in its lifetime.

    Attributes:
        root: their folder.
        waits: a step that another process is at work on is waited for, and is no error: set where several processes
            make one job.
    """

    def __init__(self, root: Path) -> None:
        self.root = root / "steps"
        self.waits = False
        self._checked: dict[tuple[str, str], tuple[int, ...]] = {}  # step -> its record, as the disk names it

    def folder(self, step: Step) -> Path:
        """Where the step's files are once it is done."""
        return self.root / step.kind / step.fingerprint

    def done(self, step: Step) -> bool:
        """Whether the step has been run to its end, and its files are what was written.

        A step that is damaged is set aside under another name, which is told on stderr; then it is not done.

        Raises:
            RunError: another process is at work on a step that is damaged.
        """
        if not self.folder(step).exists():
            return False
        if self._damage(step) is None:
            return True
        with self._held(step, self.waits):
            return self._done_or_set_aside(step)

    @contextmanager
    def running(self, step: Step, *, waits: bool = False) -> Iterator[Path | None]:
        """Hand out the step's partial folder; on success move it into place whole.

        What an earlier, killed run left in the partial folder is still there.  On an error it stays for the
        next run.

        Args:
            step: to be made.
            waits: wait for another process that is at work on it, as for a step that jobs share.

        Yields:
            The folder; None where the step turns out to be done, as another process has just finished it.

        Raises:
            RunError: another process is at work on this very step, where it is not waited for.
        """
        final = self.folder(step)
        final.parent.mkdir(parents=True, exist_ok=True)
        with self._held(step, waits or self.waits):
            if self._done_or_set_aside(step):
                yield None
                return
            partial = final.with_suffix(".partial")
            partial.mkdir(exist_ok=True)
            yield partial
            about = {"kind": step.kind, "name": step.name, "inputs": dict(step.inputs)}
            (partial / RECORD).unlink(missing_ok=True)
            write_json(partial / RECORD, {**about, "files": inventory.take(partial)})
            partial.replace(final)
            self._checked[step.kind, step.fingerprint] = _named_by_disk(final / RECORD)

    @contextmanager
    def _held(self, step: Step, waits: bool) -> Iterator[None]:
        """The step's lock; the file of it stays, beside all others of the store."""
        locks = self.root / "locks"

        def busy(owner: str) -> RunError:
            return RunError(
                f"another process{f' ({owner})' if owner else ''} is at work on {step.kind} '{step.name}' in "
                f"{self.folder(step).parent}; wait until it has finished, or give this run a working folder of its "
                "own with --work."
            )

        def waiting(owner: str) -> None:
            note(f"{step.kind} '{step.name}' is being made by another process ({owner}); waiting for it ...")

        how = {"waiting": waiting} if waits else {"busy": busy}
        with lock.held(locks / f"{step.kind}-{step.fingerprint}.lock", **how):
            yield

    def _done_or_set_aside(self, step: Step) -> bool:
        """Whether the step is done; what is damaged in its place gets another name. Asked with the lock held."""
        folder = self.folder(step)
        if not folder.exists():
            return False
        found = self._damage(step)
        if found is None:
            return True
        place = inventory.set_aside(folder)
        note(f"{step.kind} '{step.name}' is damaged: {found} ({folder}). It is kept as {place.name} and made again.")
        return False

    def _damage(self, step: Step) -> str | None:
        """What is wrong with a finished step, in words that begin with the file's name; None for a sound one.

        The files of a sound one are read once in the life of this store.
        """
        key, now = (step.kind, step.fingerprint), _named_by_disk(self.folder(step) / RECORD)
        if not now:
            return f"{RECORD} is not there"
        if self._checked.get(key) == now:
            return None
        found = self._differs(step)
        if found is None:
            self._checked[key] = now
        return found

    def _differs(self, step: Step) -> str | None:
        """How a finished step differs from what its record says, and the record from the step."""
        folder = self.folder(step)
        try:
            stored = read_json(folder / RECORD)
        except RunError:
            return f"{RECORD} cannot be read"
        same = isinstance(stored, dict) and stored.get("inputs") == json.loads(canonical_json(dict(step.inputs)))
        if not same or stored.get("kind") != step.kind:
            return f"{RECORD} is not of this step"
        size = inventory.size(stored.get("files"))
        if size > _SAID:
            note(f"checking {step.kind} '{step.name}': {size / 1e9:.1f} GB ...")
        return inventory.damage(folder, stored.get("files"))


def _named_by_disk(record: Path) -> tuple[int, ...]:
    """What changes with a file's replacement; empty where it is absent."""
    try:
        found = record.stat()
    except (FileNotFoundError, NotADirectoryError):
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns


def read_json(path: Path) -> Any:
    """Read JSON that a step wrote.

    Raises:
        RunError: the file is damaged.
    """
    return json_files.read(path, error=RunError, remedy=f"remove the folder {path.parent} and run again.")
