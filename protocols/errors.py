"""The error of this floor."""

from __future__ import annotations


class ProtocolError(ValueError):
    """Raised when what is to be judged cannot be judged; one sentence that says why and what to do."""
