"""How far a way of counting moves a number: the spread over all ways, and what each single choice moves by itself."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reports.records.conventions import CHOICES

Way = tuple[str, str, str, str]
"""Gallery, AP formula, empty rule, distance: one value for each of `CHOICES`."""
Values = Mapping[Way, float | None]
"""One number of one arm for each way, in percent; ``None`` where no query counts."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The lowest and the highest number that one set of descriptors gets."""

    low: float
    high: float
    at_low: Way
    at_high: Way

    @property
    def points(self) -> float:
        """High minus low."""
        return self.high - self.low


def spread(values: Values) -> Spread | None:
    """Over all ways with a number; ``None`` without any. Of equal ones the first counts."""
    known = {way: value for way, value in values.items() if value is not None}
    if not known:
        return None
    at_low, at_high = min(known, key=lambda way: known[way]), max(known, key=lambda way: known[way])
    return Spread(known[at_low], known[at_high], at_low, at_high)


def moved(values: Values, headline: Way) -> dict[tuple[str, str, str], float]:
    """Points that changing one choice of the headline moves, all others held.

    Returns:
        ``(choice, value at the headline, other value)`` -> points; ways without a number are left out.
    """
    own = values.get(headline)
    found: dict[tuple[str, str, str], float] = {}
    for way, value in values.items():
        changed = [place for place in range(len(CHOICES)) if way[place] != headline[place]]
        if own is not None and value is not None and len(changed) == 1:
            place = changed[0]
            found[CHOICES[place], headline[place], way[place]] = value - own
    return found


def alone(values: Values, headline: Way) -> dict[str, float]:
    """Choice -> highest minus lowest number over its values, the other choices held at the headline."""
    found = {}
    for place, choice in enumerate(CHOICES):
        rest = headline[:place] + headline[place + 1 :]
        line = [v for way, v in values.items() if v is not None and way[:place] + way[place + 1 :] == rest]
        if len(line) > 1:  # with one value there is nothing to choose
            found[choice] = max(line) - min(line)
    return found


@dataclass(frozen=True, slots=True)
class Swap:
    """Two arms whose order depends on the way: ``first`` leads under one and ``second`` under another.

    ``lead`` and ``behind`` are the greatest leads of the first and of the second, in points.
    """

    first: str
    second: str
    lead: float
    lead_at: Way
    behind: float
    behind_at: Way


def swaps(arms: Mapping[str, Values], ways: Iterable[Way] | None = None) -> tuple[list[Swap], int]:
    """Pairs of arms that change places, the largest change first, and how many pairs were compared.

    Args:
        arms: numbers by arm.
        ways: only these; by default all that both arms of a pair have.
    """
    names = list(arms)
    wanted = None if ways is None else set(ways)
    found, pairs = [], 0
    for place, first in enumerate(names):
        for second in names[place + 1 :]:
            gaps = {}
            for way, value in arms[first].items():
                other = arms[second].get(way)
                if value is not None and other is not None and (wanted is None or way in wanted):
                    gaps[way] = value - other
            if not gaps:
                continue
            pairs += 1
            most, least = max(gaps, key=lambda way: gaps[way]), min(gaps, key=lambda way: gaps[way])
            if gaps[most] > 0 > gaps[least]:
                found.append(Swap(first, second, gaps[most], most, -gaps[least], least))
    return sorted(found, key=lambda one: -min(one.lead, one.behind)), pairs


def joined(values: Iterable[Values]) -> list[tuple[str, dict[str, tuple[str, ...]]]]:
    """Values of a choice that give the same numbers in everything that was measured, to be shown once.

    Returns:
        For each choice its values in order of appearance, by the first of each set of equals.
    """
    tables = list(values)
    found = []
    for place, choice in enumerate(CHOICES):
        columns: dict[str, dict[tuple[int, tuple[str, ...]], float | None]] = {}
        for number, table in enumerate(tables):
            for way, value in table.items():
                rest = way[:place] + way[place + 1 :]
                columns.setdefault(way[place], {})[number, rest] = None if value is None else round(value, 9)
        sets: dict[str, tuple[str, ...]] = {}
        for name, column in columns.items():
            same = next((first for first in sets if columns[first] == column), name)
            sets[same] = (*sets.get(same, ()), name)
        found.append((choice, sets))
    return found
