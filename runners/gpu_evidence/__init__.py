"""Evidence from a GPU: what all arms cost there, and what the embedded matrix reaches."""

import sys
from pathlib import Path

# Last on the path: a stand-in counts only where the package itself is not installed, as on a borrowed machine.
sys.path.append(str(Path(__file__).parent / "stand_ins"))
