"""The artifacts of a run as bytes: the same file names in every run, so that MLflow can compare them."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reports.records.interface import Recorded, RecordKind
from runners.tracking.optional_parts import Parts


def child_files(
    result: Mapping[str, Any],
    per_query: Mapping[str, NDArray[Any]],
    strips: Mapping[str, Any] | None,
    train_log: Sequence[Mapping[str, Any]],
    parts: Parts,
) -> dict[str, bytes]:
    """File name -> content of one arm with one seed; ``result.json`` is the truth.  Pictures are made apart.

    Args:
        result: the record.
        per_query: name -> array ``[Q]``, and the CMC.
        strips: of retrievals, or None.
        train_log: rows of the training curve.
        parts: what further kinds of records there are.
    """
    files: dict[str, bytes] = {}
    for kind, value in parts.named():
        files |= both_files(kind, value)
    return files | {
        "result.json": json_bytes(result),
        "per_query.npz": _npz(per_query),
        "strips.json": json_bytes(strips or {"size": list(result["size"]), "rows": []}),
        "environment.json": json_bytes(result["environment"]),
        "train_log.csv": csv_bytes(train_log),
    }


def child_pictures(result: Mapping[str, Any], per_query: Mapping[str, NDArray[Any]]) -> dict[str, bytes]:
    """The pictures beside them, which take a second to draw; none of a further head."""
    if result.get("head_seed"):
        return {}
    from reports.render.figures import single_cmc  # matplotlib takes a second to import

    return {"cmc.png": single_cmc(np.asarray(per_query["cmc"]), str(result["label"]))}


def both_files(kind: RecordKind[Any], value: Recorded) -> dict[str, bytes]:
    """The files of one value."""
    return dict(zip(kind.files, (json_bytes(value.record), _npz(value.arrays)), strict=True))


def _npz(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **{key: np.asarray(value) for key, value in arrays.items()})  # type: ignore[arg-type]  # NumPy's stub
    return file.getvalue()


def json_bytes(value: Any) -> bytes:
    """JSON in the order given (a card's arms have one); NaN is refused, NumPy numbers become plain."""
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False, default=_plain) + "\n").encode(
        "utf-8",
        "backslashreplace",  # of a path that is no UTF-8: JSON has the same escapes
    )


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    return str(value)


def csv_bytes(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """CSV with all columns that any row has, in order of appearance."""
    columns = list(dict.fromkeys(key for row in rows for key in row)) or ["stage", "step"]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8", "replace")
