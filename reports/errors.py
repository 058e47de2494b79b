"""What the floor ``reports`` raises."""


class ReportError(ValueError):
    """A report cannot be built from what it was given; the message says why and what to do (exit 2)."""


class NothingToReport(ReportError):
    """The request is sound, but nothing is recorded yet, or the store cannot be reached (exit code 3)."""
