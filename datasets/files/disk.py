"""What goes wrong on the disk while a data set is written, in one sentence."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from datasets.errors import DataError


@contextmanager
def one_sentence(full: str, refused: Callable[[str], str]) -> Iterator[None]:
    """Turn every OSError inside the block into a DataError.

    Args:
        full: what is said where no space is left.
        refused: reason -> what is said of everything else, such as a folder that nobody may write to.

    Raises:
        DataError: for every OSError.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DataError(full) from error
        raise DataError(refused(os.strerror(error.errno) if error.errno else str(error))) from error
