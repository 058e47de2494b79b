"""What was measured on other machines and kept with the code: the files below ``reports/evidence``."""

import json
from dataclasses import dataclass
from pathlib import Path

EVIDENCE = Path(__file__).parent / "evidence"
DEVICE_KEYS = ("device", "gpu", "machine")
DATE_KEYS = ("date", "measured", "made", "ended")


@dataclass(frozen=True, slots=True)
class Kept:
    """One file: where it was measured and when, as far as it says."""

    name: str
    device: str
    date: str
    kilobytes: int


def kept(folder: Path = EVIDENCE) -> list[Kept]:
    """All JSON files of the folder, by name; those that cannot be read say so in place of a device."""
    found = []
    for file in sorted(folder.glob("**/*.json")):
        name = file.relative_to(folder).as_posix()
        size = max(1, round(file.stat().st_size / 1000))
        try:
            plain = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            found.append(Kept(name, f"cannot be read: {error}", "", size))
            continue
        facts = plain if isinstance(plain, dict) else {}
        found.append(Kept(name, _first(facts, DEVICE_KEYS), _first(facts, DATE_KEYS), size))
    return found


def _first(facts: dict[str, object], keys: tuple[str, ...]) -> str:
    for key in keys:
        value = facts.get(key)
        if isinstance(value, dict) and "name" in value:
            return str(value["name"])
        if isinstance(value, str):
            return value
    return ""
