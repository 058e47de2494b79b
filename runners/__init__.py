"""What happens: the commands, and the steps that they are made of.

This floor is the only one that knows all the others.
"""

from pathlib import Path

import datasets

# Another library is also called `datasets`.  If it wins on the path, say so at once, not in a strange error.
_ours = Path(__file__).resolve().parent.parent
_found = Path(datasets.__file__ or "").resolve().parent.parent
if _found != _ours:
    raise ImportError(
        f"`import datasets` found {_found / 'datasets'} in place of {_ours / 'datasets'}: another library of "
        "that name is first on the path. Run from the repository's root, or in an environment without it."
    )
