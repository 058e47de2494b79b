"""What every record with one value a tracklet must hold, whatever it measures."""

from collections.abc import Iterable, Mapping
from typing import Any

from numpy.typing import NDArray

from reports.errors import ReportError


def check_tracklets(record: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], stem: str, name: str) -> None:
    """Refuse arrays without ``person`` and ``key``, or without one row a tracklet.

    Args:
        record: ``<stem>.json``, whose ``tracklets`` says how many there are.
        arrays: ``<stem>.npz``.
        stem: of both files' names.
        name: whose they are, for the message.

    Raises:
        ReportError: naming the array and what was expected there.
    """
    check_names(arrays, ("person", "key"), f"{stem}.npz", name)
    for key, array in arrays.items():
        if array.shape != (record["tracklets"],):
            raise ReportError(
                f"{name} has {key} of shape {array.shape} in {stem}.npz; expected one value for each of "
                f"{record['tracklets']} tracklets."
            )


def check_names(arrays: Mapping[str, NDArray[Any]], names: Iterable[str], file: str, name: str) -> None:
    """Refuse arrays of which some lack.

    Args:
        arrays: name -> array.
        names: that must be there.
        file: that it came from, for messages.
        name: of what holds it, for messages.

    Raises:
        ReportError: naming them.
    """
    lacking = sorted(set(names) - set(arrays))
    if lacking:
        raise ReportError(f"{name} lacks {', '.join(lacking)} in {file}.")
