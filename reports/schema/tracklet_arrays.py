"""What every record with one value a tracklet must hold, whatever it measures."""

from collections.abc import Iterable, Mapping
from typing import Any

from numpy.typing import NDArray

from reports.errors import ReportError
from reports.schema.json_form import non_finite


def check_tracklets(
    record: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], required: Iterable[str], stem: str, name: str
) -> None:
    """Refuse a record that lacks a key or holds a number that is not finite, and arrays without one row a tracklet.

    Args:
        record: ``<stem>.json``, whose ``tracklets`` says how many there are.
        arrays: ``<stem>.npz``.
        required: keys of the record.
        stem: of both files' names.
        name: whose they are, for the message.

    Raises:
        ReportError: naming the key and what was expected there.
    """
    missing = [key for key in required if key not in record]
    if missing:
        raise ReportError(f"{name} lacks {', '.join(sorted(missing))} in {stem}.json.")
    for path, value in non_finite(record):
        raise ReportError(f"{name} has {path} = {value} in {stem}.json; numbers are finite, or null where unknown.")
    lacking = [key for key in ("person", "key") if key not in arrays]
    if lacking:
        raise ReportError(f"{name} lacks {', '.join(lacking)} in {stem}.npz.")
    for key, array in arrays.items():
        if array.shape != (record["tracklets"],):
            raise ReportError(
                f"{name} has {key} of shape {array.shape} in {stem}.npz; expected one value for each of "
                f"{record['tracklets']} tracklets."
            )
