"""What a reader of the field asks of a row: which backbone, RGB only (RO), single pass (SP).

Taken from the admission checks, which ran the network and looked at it.  Where a protocol did not check, what the
record's options or the card state stands instead, marked as stated.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from reports.comparison.groups import ComparedArm

STATED = " (stated)"
CHECKS = {
    "resnet50": ("resnet50", "trunk is ResNet-50"),
    "rgb": ("rgb", "input is RGB"),
    "single-pass": ("single-pass", "one pass a tracklet"),
}
BACKBONES = {"resnet18": "ResNet-18", "resnet50": "ResNet-50", "se-resnet50": "SE-ResNet-50", "vgg16": "VGG-16"}


@dataclass(frozen=True, slots=True)
class Seen:
    """One fact of a row and how it is known; ``detail`` is what the check said."""

    text: str
    how: Literal["checked", "stated", "unknown"]
    detail: str = ""

    @property
    def shown(self) -> str | None:
        """For a table; nothing where nothing is known."""
        if self.how == "unknown":
            return None
        return self.text + (STATED if self.how == "stated" else "")


def backbone(entry: ComparedArm) -> Seen:
    """The trunk that ran; a check that failed says only that it is no plain ResNet-50."""
    if entry.group.control == "colour":
        return Seen("", "unknown")
    passed, detail = _checked(entry, "resnet50")
    if passed is not None:
        return Seen("ResNet-50" if passed else "no plain ResNet-50", "checked", detail)
    stated = _constraint(entry, "backbone")
    depth = entry.group.first["options"].get("depth")  # an arm may have another trunk than its paper's others
    name = f"ResNet-{depth}" if depth else BACKBONES.get(str(stated).lower(), str(stated))
    if not (stated or depth):
        return Seen("", "unknown")
    squeezed = bool(entry.group.first["options"].get("squeeze")) and not name.startswith("SE")
    return Seen(f"SE-{name}" if squeezed else name, "stated")


def rgb_only(entry: ComparedArm) -> Seen:
    """Whether nothing but RGB frames enters."""
    return _yes_or_no(entry, "rgb", "rgb_only")


def single_pass(entry: ComparedArm) -> Seen:
    """Whether each tracklet is encoded once and on its own."""
    return _yes_or_no(entry, "single-pass", "single_pass")


def _yes_or_no(entry: ComparedArm, check: str, constraint: str) -> Seen:
    if entry.group.control == "colour":
        return Seen("", "unknown")
    passed, detail = _checked(entry, check)
    if passed is not None:
        return Seen("yes" if passed else "no", "checked", detail)
    stated = _constraint(entry, constraint)
    return Seen("", "unknown") if stated is None else Seen("yes" if stated else "no", "stated")


def _checked(entry: ComparedArm, check: str) -> tuple[bool | None, str]:
    """Whether all seeds passed a check, and what was seen; ``None`` where any of them was not examined."""
    found = []
    for run in entry.group.runs:
        checks: Mapping[str, Any] = {one["name"]: one for one in run.result["admission"].get("checks", ())}
        one = next((checks[name] for name in CHECKS[check] if name in checks), None)
        if one is None:
            return None, ""
        found.append(one)
    failed = [one for one in found if not one["passed"]]
    return not failed, str((failed or found)[0]["detail"])


def _constraint(entry: ComparedArm, key: str) -> Any:
    """What the card says of all its arms."""
    return entry.job.card["constraints"].get(key)
