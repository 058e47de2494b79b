"""From the header of a user's table to an attribute's name and group."""

from collections.abc import Mapping

from datasets.attributes.attribute import GROUPS
from files.errors import did_you_mean


def place_in_group(column: str, known: Mapping[str, str]) -> tuple[str, str, str]:
    """Split a column's header.

    Args:
        column: `group/name`, `/name` for no group on purpose, or `name`.
        known: name -> group of the attributes that released annotations have.

    Returns:
        Name, group and a notice for the user; the notice is empty where there is nothing to say.
    """
    group, slash, name = (part.strip() for part in column.partition("/"))
    if not slash:
        plain = column.strip().lower().replace("_", " ")
        if plain not in known:
            return (
                column,
                "",
                f"{column!r} is in no group, so it can be sliced by but not learned: write group/{column}",
            )
        if not known[plain]:
            return column, "", ""
        return column, known[plain], f"{column!r} names no group: it is taken into {known[plain]!r}"
    if not group or group in GROUPS:
        return name, group, ""
    spoken = group.lower().replace("_", " ").replace("-", " ")
    if spoken in GROUPS:
        return name, spoken, ""
    near = did_you_mean(spoken, GROUPS, most=1, cutoff=0.75, quoted=True)
    return name, group, f"{group!r} is a group of your own{near and f' ({near})'}"
