"""Writing a folder of report files whole or not at all."""

import contextlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from files import leftovers
from reports.errors import ReportError


def write_files(folder: Path, files: Mapping[str, str], stale: Iterable[str] = ()) -> None:
    """Every file is first written beside its place under another name; only when all are there are they moved.

    What a killed process left there under such names goes away.

    Args:
        folder: made if need be; other files in it are left alone.
        files: path below the folder -> text.
        stale: paths below the folder that go away when the new ones are in place.

    Raises:
        ReportError: the folder cannot be written; then nothing in it has changed.
    """
    ready: list[tuple[Path, Path]] = []
    try:
        for parent in {(folder / name).parent for name in files}:
            parent.mkdir(parents=True, exist_ok=True)
            leftovers.remove(parent)
        for name, text in files.items():
            target = folder / name
            temporary = target.with_name(f".{target.name}.{os.getpid()}.partial")
            ready.append((temporary, target))
            temporary.write_bytes(text.encode("utf-8", "replace"))
        for temporary, target in ready:
            temporary.replace(target)
        for name in stale:
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise ReportError(
            f"the report folder {folder} cannot be written ({error.strerror or error}); name another with --out."
        ) from None
    finally:
        for temporary, _ in ready:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
