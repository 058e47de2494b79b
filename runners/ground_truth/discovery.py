"""Finding measurements: ``MEASUREMENT`` of the modules of this room, and of folders outside the suite."""

from functools import cache
from pathlib import Path

from files import plug_ins
from reports.records import kinds
from runners.errors import RunError
from runners.ground_truth.interface import Measurement


def measurements() -> tuple[Measurement, ...]:
    """All of them, in the order in which they say that they stand.

    Raises:
        RunError: a module cannot be imported, states something else, or measures a kind that nothing records.
    """
    return _measurements(plug_ins.outside_folders())


@cache
def _measurements(outside: tuple[Path, ...]) -> tuple[Measurement, ...]:
    try:
        stated = [
            *plug_ins.stated("runners.ground_truth", "MEASUREMENT"),
            *plug_ins.stated_outside("MEASUREMENT", "measurement", outside),
        ]
    except ImportError as error:
        raise RunError(str(error)) from error
    known = {kind.name for kind in kinds().values() if kind.per == "arm"}
    for where, one in stated:
        if not isinstance(one, Measurement):
            raise RunError(f"{where} states {one!r} as its MEASUREMENT; expected `MEASUREMENT = Measurement(...)`.")
        if one.kind not in known:
            raise RunError(
                f"{where} measures {one.kind!r}, which no arm records; known are {', '.join(sorted(known))}."
            )
    return tuple(sorted((one for _, one in stated), key=lambda one: (one.order, one.kind)))
