"""The file of evidence: its name, its form, and how it is written whole."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runners.errors import RunError
from runners.plan.step_store import write_bytes

SCHEMA = 1
FOLDER = Path("reports") / "evidence"
DRY_FOLDER = Path("out") / "evidence"
_PATH = re.compile(r"(?<![\w.:/])(?:/[\w.+@\-]+){2,}")
_NUMBERS = re.compile(r"\[[-+\d.eE,\s]+\]")
"""A list of numbers; it goes on one line, as a sample each would make thousands of lines."""
_FORM: Mapping[str, type | tuple[type, ...]] = {
    "schema": int, "kind": str, "dry_run": bool, "state": str, "started": str, "seconds": (int, float), "command": str,
    "device": dict, "software": dict, "settings": dict, "code": dict, "plan": list, "ceilings": dict, "costs": dict,
    "curves": dict, "compiled": dict, "training": dict,
}  # fmt: skip
_LISTS = {
    "costs": ("networks", "left_out"), "curves": ("networks", "left_out"), "compiled": ("networks", "left_out"),
    "training": ("arms", "left_out"),
}  # fmt: skip


def blank(dry_run: bool, command: str, now: datetime | None = None) -> dict[str, Any]:
    """A record in which nothing stands yet."""
    return {
        "schema": SCHEMA,
        "kind": "evidence",
        "dry_run": dry_run,
        "state": "partial",
        "started": (now or datetime.now(UTC)).isoformat(timespec="seconds"),
        "seconds": 0.0,
        "command": command,
        **{name: {} for name in ("device", "software", "settings", "code", "ceilings")},
        "plan": [],
        **{part: {name: [] for name in lists} for part, lists in _LISTS.items()},
    }


def file_name(device_name: str, started: str) -> str:
    """Such as ``nvidia-h100-80gb-hbm3-2026-11-30.json``."""
    slug = re.sub(r"[^a-z0-9]+", "-", device_name.lower()).strip("-") or "unknown-device"
    return f"{slug}-{started[:10]}.json"


def write(path: Path, record: dict[str, Any]) -> None:
    """Check a record and write it whole, without paths of this machine."""
    cleaned = without_paths(record)
    check(cleaned, path.name)
    text = json.dumps(cleaned, indent=1, sort_keys=True, allow_nan=False)
    text = _NUMBERS.sub(lambda found: re.sub(r"\s+", " ", found.group()).replace("[ ", "[").replace(" ]", "]"), text)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, f"{text}\n".encode())


def without_paths(value: Any) -> Any:
    """The same with every absolute path cut down to its last name."""
    if isinstance(value, str):
        return _PATH.sub(lambda found: found.group().rpartition("/")[2], value)
    if isinstance(value, Mapping):
        return {key: without_paths(one) for key, one in value.items()}
    return [without_paths(one) for one in value] if isinstance(value, (list, tuple)) else value


def check(record: Any, where: str) -> None:
    """Whether a record has the form of evidence.

    Raises:
        RunError: naming the first thing that is wrong.
    """
    if not isinstance(record, Mapping):
        raise RunError(f"{where}: evidence is a JSON object, not {type(record).__name__}; measure it again.")
    for name, kind in _FORM.items():
        if not isinstance(record.get(name), kind):
            raise RunError(f"{where}: {name} is missing or of another kind; measure it again.")
    if record["schema"] != SCHEMA or record["kind"] != "evidence":
        raise RunError(f"{where}: this is no evidence of form {SCHEMA}; measure it again.")
    for part, lists in _LISTS.items():
        for name in lists:
            if not isinstance(record[part].get(name), list):
                raise RunError(f"{where}: {part}.{name} is missing; measure it again.")
        for row in record[part]["left_out"]:
            if not (isinstance(row, Mapping) and row.get("arm") and row.get("reason")):
                raise RunError(f"{where}: something was left out of {part} without its name or its reason.")
    for network in (one for part in ("costs", "curves", "compiled") for one in record[part]["networks"]):
        _check_network(network, where)


def _check_network(network: Mapping[str, Any], where: str) -> None:
    if not network.get("arms") or not isinstance(network.get("grids"), list):
        raise RunError(f"{where}: a network has no arms or no grids; measure it again.")
    for cell in (cell for grid in network["grids"] for cell in grid["cells"]):
        if (cell["ms_p50"] is None) != bool(cell["left_out"]):
            raise RunError(f"{where}: a cell of {network['arms'][0]} has neither a time nor a reason, or both.")
