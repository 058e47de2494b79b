"""Finding controls that train nothing: ``RULE`` of the modules of this room."""

from collections.abc import Mapping
from functools import cache

from files import plug_ins
from protocols.vocabulary import UNTRAINED_CONTROLS
from runners.errors import RunError
from runners.oracles.interface import OracleRule


@cache
def rules() -> Mapping[str, OracleRule]:
    """All of them by their word.

    Raises:
        RunError: a module states something else, or a word that results are not recorded with.
    """
    found: dict[str, OracleRule] = {}
    for where, one in plug_ins.stated("runners.oracles", "RULE"):
        if not isinstance(one, OracleRule) or one.control not in UNTRAINED_CONTROLS or one.control in found:
            raise RunError(
                f"{where} states {one!r} as its RULE; expected `RULE = OracleRule(...)` with a word of its own out of "
                f"{', '.join(UNTRAINED_CONTROLS)}."
            )
        found[one.control] = one
    return found
