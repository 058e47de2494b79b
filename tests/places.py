"""Where the project lies, and what lies in it for tests."""

from pathlib import Path

HOUSE = Path(__file__).resolve().parent.parent
PAPERS = HOUSE / "tests" / "papers"
"""Papers of a few steps; not among those of the suite."""
