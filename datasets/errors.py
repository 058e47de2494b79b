"""The one error of this floor."""


class DataError(ValueError):
    """A data set cannot be used as it is.

    The message is one sentence that names the file (and the row where there is one), says what was
    expected, and says what to do. The command line prints it alone and exits with code 2.
    """
