"""A run's artifacts: each file whole or not at all, and once; beside a SQLite store they are plain files of ours."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from files import atomic, leftovers
from files.formats import json as json_files
from files.formats.arrays import load_npz
from reports.store.uri import artifact_folder
from runners.errors import RunError

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass
class Artifacts:
    """Reads and writes the artifacts of the runs of a store.

    Attributes:
        client: of the store.
        uri: of the store.
    """

    client: "MlflowClient"
    uri: str
    _folders: dict[str, Path | None] = field(default_factory=dict)

    def write(self, run_id: str, files: Mapping[str, bytes], below: str = "") -> None:
        """Write files by name, in their order; one that lies there with the same content is left as it is.

        Args:
            run_id: whose.
            files: name, which may hold folders, -> content.
            below: the artifact folder that the names are in.

        Raises:
            RunError: the place cannot be written.
        """
        folder = self.folder(run_id)
        if folder is None:
            self._send(run_id, files, below)
            return
        try:
            cleaned = set[Path]()
            for name, content in files.items():
                path = folder / below / name
                if path.parent not in cleaned:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    leftovers.remove(path.parent)
                    cleaned.add(path.parent)
                if not _holds(path, content):
                    atomic.write_bytes(path, content)
        except OSError as error:
            raise RunError(
                f"the artifacts of run {run_id} cannot be written to {folder} ({error.strerror or error}); make room "
                "or give permission, and run the same command again."
            ) from None

    def lacking(self, run_id: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
        """Those files that are not there, or with other content; of a server only names are asked."""
        folder = self.folder(run_id)
        if folder is None:
            there = self._names(run_id)
            return {name: content for name, content in files.items() if name not in there}
        return {name: content for name, content in files.items() if not _holds(folder / name, content)}

    def drop(self, run_id: str, keep: Iterable[str], known: Iterable[str] | None = None, below: str = "") -> None:
        """Remove files of an earlier recording that the present one does not have; only beside a SQLite store.

        Args:
            run_id: whose.
            keep: names of the present one, below `below`.
            known: names that may be removed; ``None``: all others.
            below: the artifact folder that is looked at.
        """
        folder = self.folder(run_id)
        if folder is None or not (folder / below).is_dir():
            return
        wanted = set(keep)
        for path in sorted((folder / below).rglob("*"), reverse=True):
            name = path.relative_to(folder / below).as_posix()
            if path.is_file() and name not in wanted and (known is None or name in known):
                path.unlink(missing_ok=True)
            elif path.is_dir() and not any(path.iterdir()):
                path.rmdir()

    def read_json(self, run_id: str, name: str) -> dict[str, Any]:
        """A JSON object.

        Raises:
            RunError: it is absent or damaged.
        """
        with leftovers.scratch() as scratch:
            return json_files.read_object(self._local(run_id, name, Path(scratch)), error=RunError, remedy=_AGAIN)

    def read_arrays(self, run_id: str, name: str) -> dict[str, NDArray[Any]]:
        """The arrays of an NPZ file.

        Raises:
            RunError: it is absent or damaged.
        """
        with leftovers.scratch() as scratch:
            return load_npz(self._local(run_id, name, Path(scratch)), error=RunError, remedy=_AGAIN)

    def folder(self, run_id: str) -> Path | None:
        """Where a run's artifacts lie on this machine; ``None`` for those behind a server."""
        if run_id not in self._folders:
            stored = str(self.client.get_run(run_id).info.artifact_uri)
            self._folders[run_id] = artifact_folder(stored, self.uri)
        return self._folders[run_id]

    def _local(self, run_id: str, name: str, scratch: Path) -> Path:
        folder = self.folder(run_id)
        if folder is not None:
            return folder / name
        if name not in self._names(run_id):
            return scratch / name
        return Path(self.client.download_artifacts(run_id, name, str(scratch)))

    def _send(self, run_id: str, files: Mapping[str, bytes], below: str) -> None:
        with leftovers.scratch() as scratch:
            for name, content in files.items():
                path = Path(scratch) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
                target = Path(below, name).parent.as_posix()
                self.client.log_artifact(run_id, str(path), None if target == "." else target)

    def _names(self, run_id: str) -> set[str]:
        return {str(one.path) for one in self.client.list_artifacts(run_id)}


_AGAIN = "the same command records it again once it is removed"


def _holds(path: Path, content: bytes) -> bool:
    """Whether a file has just this content."""
    try:
        return path.stat().st_size == len(content) and path.read_bytes() == content
    except OSError:
        return False
