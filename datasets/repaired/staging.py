"""The folder of a repaired set while it is being written: beside its place, locked, and moved there whole."""

import errno
import glob
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from datasets.errors import DataError
from datasets.files import disk
from datasets.files.manifest import REPAIRED, UNFINISHED
from files import lock
from files.formats import json as files_json


def holds(root: Path, fingerprint: str) -> bool:
    """Whether root holds the repaired set of that fingerprint; False where nothing stands in the way.

    Raises:
        DataError: where root holds anything else.
    """
    with writing_to(root):
        if not root.exists():
            return False
        if not root.is_dir():
            raise DataError(f"{root} is a file, but a repaired set is a folder: choose another place for it")
        if not (root / REPAIRED).exists():
            if any(root.iterdir()):
                raise DataError(
                    f"{root} is not empty and holds no repaired set ({REPAIRED} is missing): choose another folder"
                )
            return False
    remedy = f"remove the folder {root} and write the repaired set again"
    stored = files_json.read_object(root / REPAIRED, error=DataError, remedy=remedy)
    try:
        found, repairer = stored["fingerprint"], stored["repairer"]["name"]
    except (LookupError, TypeError) as error:
        raise DataError(f"{root / REPAIRED} is damaged: {remedy}") from error
    if found != fingerprint:
        raise DataError(
            f"{root} holds another repaired set (by {repairer}, fingerprint {found}, expected {fingerprint}: other "
            "source, repairer, options, calls or JPEG encoder): remove the folder or choose another one"
        )
    return True


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Keep other writers of the same root away.

    Raises:
        DataError: where another writer is at work, or the place cannot be written.
    """
    with ExitStack() as stack:
        with writing_to(root):
            root.parent.mkdir(parents=True, exist_ok=True)
            file = root.parent / f".{root.name}.repairing.lock"
            stack.enter_context(lock.held(file, busy=lambda owner: _busy(root, owner)))
        yield


def _busy(root: Path, owner: str) -> DataError:
    return DataError(
        f"another process{f' ({owner})' if owner else ''} is writing the repaired set {root} right now: start "
        "the same job again when it has finished"
    )


def unfinished(root: Path, fingerprint: str) -> Path:
    """The folder to write a set into; `move` puts it into its place.

    It lies in a folder beside root under a name of its own, so what an earlier, killed writer of the same set left
    is found in it. A file beside it tells readers that it is not finished.

    Raises:
        DataError: where it cannot be made.
    """
    outer = root.parent / f".{root.name}.repairing-{fingerprint}"
    with writing_to(root):
        outer.mkdir(exist_ok=True)
        marked = {"root": str(root), "fingerprint": fingerprint}
        put_whole(outer / UNFINISHED, (json.dumps(marked) + "\n").encode())
        (outer / "set").mkdir(exist_ok=True)
    return outer / "set"


def move(folder: Path, root: Path) -> None:
    """Move a finished set to root.

    Raises:
        DataError: where something came to lie at root meanwhile, or it cannot be written.
    """
    with writing_to(root):
        if root.exists() and any(root.iterdir()):
            raise DataError(f"something else came to lie at {root} while it was written: remove it, and start again")
        folder.replace(root)


def sweep(root: Path) -> None:
    """Remove unfinished sets beside a finished one, which nothing else can take the place of any more."""
    for left in root.parent.glob(f".{glob.escape(root.name)}.repairing-*"):
        shutil.rmtree(left, ignore_errors=True)


def writing_to(root: Path) -> AbstractContextManager[None]:
    """Turn what goes wrong on the disk into one sentence."""
    return disk.one_sentence(
        f"the disk is full while a repaired set is written to {root}: free some space and start the same job "
        "again, it continues where it stopped; or choose another folder",
        lambda reason: f"a repaired set cannot be written to {root} ({reason}): choose a folder that you may write to",
    )


def put(path: str, data: bytes) -> None:
    """Write a file with as few calls as possible: there are very many.

    Raises:
        OSError: it cannot be opened or written; a short write counts as a full disk.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        if os.write(handle, data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
    finally:
        os.close(handle)


def put_whole(path: Path, data: bytes) -> None:
    """Write a file that is either absent or complete, also after the process was killed."""
    partial = path.with_name(f"{path.name}.partial")
    put(str(partial), data)
    partial.replace(path)
