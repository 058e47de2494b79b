"""What is shown: tables, figures, pages and the claims ledger, from recorded results alone.

    import reports
    frame = reports.load("reid/synthwalk/res50-rgb-single-pass")

Nothing here imports torch; MLflow, pandas and matplotlib are imported where they are used.
"""

from reports.errors import NothingToReport, ReportError
from reports.store.reader import load

__all__ = ["NothingToReport", "ReportError", "load"]
