"""What was measured on other machines and kept with the code: the files below ``reports/evidence``."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from files.formats import json as json_files
from reports.errors import ReportError
from reports.store.uri import without_secrets

EVIDENCE = Path(__file__).parent.parent / "evidence"


@dataclass(frozen=True, slots=True)
class Kept:
    """One file: where it was measured, when and by which command, as far as it says."""

    name: str
    device: str
    started: str
    state: str
    command: str


def kept(folder: Path = EVIDENCE) -> list[Kept]:
    """All JSON files of the folder, by name; one that cannot be read says so in place of a device."""
    return [_one(file, file.relative_to(folder).as_posix()) for file in sorted(folder.glob("**/*.json"))]


def _one(file: Path, name: str) -> Kept:
    try:
        plain = json_files.read(file, error=ReportError)
    except ReportError as error:
        return Kept(name, f"cannot be read: {error}", "", "", "")
    facts: Mapping[str, Any] = plain if isinstance(plain, dict) else {}
    device = facts.get("device")
    called = device.get("name") if isinstance(device, dict) else device
    state = "dry run" if facts.get("dry_run") else str(facts.get("state") or "")
    return Kept(
        name,
        str(called or ""),
        str(facts.get("started") or ""),
        state,
        without_secrets(str(facts.get("command") or "")),
    )
