"""Evidence from a GPU: what all arms cost there, and what the embedded matrix reaches."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent / "stand_ins"))  # last: only what is missing is found there
