"""Which format a file or folder has, by its content."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from datasets.attributes import duke, mars, rap, synthwalk, table
from datasets.attributes.csv_sheet import Sheet, read_sheet
from datasets.attributes.model import Annotation
from datasets.errors import DataError
from datasets.files.system_files import is_companion

_RELEASED: Final[tuple[tuple[tuple[str, ...], Callable[[Sheet], Annotation]], ...]] = (
    (mars.V1.header, mars.read_v1),
    (mars.V2.header, mars.read_v2),
    (duke.DUKE.header, duke.read),
)
_MEANT = 0.6  # a header with this share of a released file's columns is meant to be that file


def read(source: Path) -> Annotation:
    """Read an annotation of any format; see `datasets.attributes.load`.

    Raises:
        DataError: for what is no annotation, or a damaged one.
    """
    if source.is_dir():
        return _read_folder(source)
    if not source.exists():
        raise DataError(f"{source} does not exist; give a CSV file, a SynthWalk or a RAP folder, or RAP_annotation.mat")
    if source.suffix.lower() == ".mat":
        return rap.read(source)
    sheet = read_sheet(source)
    header = {name.lower() for name in sheet.header}
    shares = [len(header & {name.lower() for name in wanted}) / len(wanted) for wanted, _ in _RELEASED]
    best = shares.index(max(shares))
    if shares[best] < _MEANT:
        return table.read(sheet)
    beside_identities = source.with_name(synthwalk.IDENTITIES.name).is_file()
    if set(sheet.header) == set(mars.V2.header) and source.name == synthwalk.TRACKLETS.name and beside_identities:
        return synthwalk.read(source.absolute().parent.parent)  # SynthWalk writes the columns of MARS-Attribute v2
    return _RELEASED[best][1](sheet)


def _read_folder(folder: Path) -> Annotation:
    if synthwalk.is_here(folder):
        return synthwalk.read(folder)
    if rap.is_here(folder):
        return rap.read(folder)
    inside = sorted(path.name for path in folder.glob("*.csv") if not is_companion(path.name))
    hint = f"; give one of its files: {', '.join(inside[:5])}" if inside else ""
    raise DataError(
        f"{folder} holds no annotation, expected {synthwalk.TRACKLETS} (a rendered SynthWalk) or {rap.MAT} (RAP)"
        f"{hint or '; give the folder that holds one of them, or a CSV file'}"
    )
