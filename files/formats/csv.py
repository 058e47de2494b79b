"""CSV: rows with their line numbers."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from files.errors import COPY_AGAIN, FileError, reason

SEPARATORS: Final = ",;\t"
"""What may stand between cells; the one that the first line has most of is taken."""


def rows(
    path: Path, *, error: type[Exception] = FileError, remedy: str = COPY_AGAIN, separators: str = SEPARATORS
) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, cells stripped, each with the number of the line on which it ends.

    Args:
        path: the file, UTF-8, with or without a byte-order mark.
        error: class of the error.
        remedy: what to do, as the end of its sentence.
        separators: characters of which one stands between cells.

    Raises:
        error: it is absent, no UTF-8, or no CSV; the line is named.
    """
    line = 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline(_LONGEST_LINE)
            separator = max(separators, key=first.count)
            file.seek(0)
            reader = csv.reader(file, delimiter=separator, strict=True)
            for row in reader:
                line = reader.line_num
                if any(cells := [cell.strip() for cell in row]):
                    yield line, cells
    except UnicodeDecodeError as wrong:
        raise error(f"{path} is no text in UTF-8 (behind line {line}); save it again in that encoding") from wrong
    except csv.Error as wrong:
        raise error(f"{path}, behind line {line}: {reason(wrong)}; correct it") from wrong
    except FileNotFoundError:
        raise error(f"{path} is missing, expected CSV; {remedy}") from None
    except (OSError, MemoryError) as wrong:
        raise error(f"{path} cannot be read ({reason(wrong)}), expected CSV; {remedy}") from wrong


_LONGEST_LINE = 2**20  # characters that are looked at for the separator
