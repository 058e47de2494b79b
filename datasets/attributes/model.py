"""An annotation: codes of rows in attributes, its join with tracklets, and the targets that a network learns."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from datasets.attributes import checks
from datasets.attributes.attribute import GROUPS, UNKNOWN, Attribute, Column, Group, Join
from datasets.errors import DataError
from datasets.fingerprint import fingerprint as hash_of
from datasets.tracklet import Tracklet, person_ids
from files.errors import did_you_mean

_NAMED = 5  # how many keys or names a message gives


@dataclass(frozen=True, eq=False)
class Annotation:
    """Codes of N rows in A attributes; a row is a tracklet or, where its key is empty, an identity.

    Attributes:
        name: of the source, e.g. "MARS-Attribute v2".
        attributes: what is asked.
        people: int64 [N], person of each row.
        keys: key of each row's tracklet; all empty where rows are identities.
        codes: int16 [N, A], -1 where unknown.
        fingerprint: 32 hexadecimal digits over attributes, people, keys and codes; a renamed file keeps it.
        notices: sentences about what the user should know: dropped groups, undocumented polarity, left-out columns.
    """

    name: str
    attributes: tuple[Attribute, ...]
    people: NDArray[np.int64]
    keys: tuple[str, ...]
    codes: NDArray[np.int16]
    fingerprint: str
    notices: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        name: str,
        attributes: Sequence[Attribute],
        people: NDArray[np.int64],
        keys: Sequence[str],
        codes: NDArray[np.int16],
        notices: Sequence[str] = (),
    ) -> "Annotation":
        """Check the parts against each other, and add the fingerprint and the notices that every source gets.

        Args:
            name: of the source, such as "MARS-Attribute v2".
            attributes: what is asked, A of them.
            people: int64 [N], person of each row.
            keys: N keys of tracklets; all empty where rows are identities.
            codes: int16 [N, A], -1 where unknown.
            notices: sentences that the source adds.

        Raises:
            DataError: where two attributes share a name or a column, a row stands twice, a code is out of range, or
                there is nothing at all.
        """
        checks.check(name, attributes, people, keys, codes)
        described = [repr((a.name, a.kind, a.values, a.group, a.level, a.polarity)) for a in attributes]
        made_of = hash_of("annotation 1", *described, people, "\n".join(keys), codes)
        told = (*notices, *checks.notices(name, attributes, GROUPS))
        return cls(name, tuple(attributes), people, tuple(keys), codes, made_of, told)

    def attribute(self, name: str) -> Attribute:
        """The attribute of that name.

        Raises:
            DataError: where there is none, with near matches.
        """
        return self.attributes[self._place(name)]

    def codes_of(self, tracklets: Sequence[Tracklet]) -> NDArray[np.int16]:
        """Codes of tracklets, int16 [T, A]; -1 for one without a row (distractors and junk too).

        Raises:
            DataError: where a row and the data set disagree about whose tracklet it is.
        """
        rows = self._rows_of(tracklets)
        codes = self.codes[rows]
        codes[rows < 0] = UNKNOWN
        return codes

    def join(self, tracklets: Sequence[Tracklet]) -> Join:
        """Count how rows and tracklets meet: by key, or by person where rows are identities.

        Raises:
            DataError: where a row and the data set disagree about whose tracklet it is.
        """
        rows = self._rows_of(tracklets)
        real = person_ids(tracklets) > 0
        without = np.flatnonzero(real & (rows < 0))
        missing = tuple(tracklets[place].key for place in without[:_NAMED])
        used = np.unique(rows[rows >= 0])
        counted = int(real.sum())
        return Join(counted, counted - len(without), missing, len(self.keys) - len(used), len(tracklets) - counted)

    def require_join(self, tracklets: Sequence[Tracklet], *, whole: bool = True) -> Join:
        """The join, if it is good enough.

        Args:
            tracklets: of the data set.
            whole: every tracklet of a real person needs a row; otherwise one joined tracklet will do.

        Raises:
            DataError: naming the counts and the first tracklets without a row.
        """
        found = self.join(tracklets)
        if found.joined and (found.joined == found.tracklets or not whole):
            return found
        more = ", ..." if found.tracklets - found.joined > len(found.missing) else ""
        raise DataError(
            f"{self.name} has rows for {found.joined:,} of {found.tracklets:,} tracklets of real persons (not for "
            f"{', '.join(found.missing) or 'any'}{more}), and {found.unused:,} rows of no tracklet here: it is not the "
            "annotation of this data set; name the right file"
        )

    @property
    def columns(self) -> tuple[Column, ...]:
        """All C yes/no columns that can be learned, group by group."""
        return tuple(column for group in self._grouped.values() for column in group)

    @property
    def groups(self) -> tuple[Group, ...]:
        """Groups that have attributes, in the order of `GROUPS`, then the user's own in order of appearance."""
        return tuple(Group(name, tuple(column.name for column in found)) for name, found in self._grouped.items())

    def people_targets(self, people: NDArray[np.int64]) -> NDArray[np.float32]:
        """Yes/no of identities in all columns of `groups`: float32 [P, C], NaN where unknown.

        Mean over the identity's tracklets where known, at least one half is yes: the rule by which ADFD turns
        predictions into labels (average over the identity, threshold 0.5), applied to annotated tracklets.

        Args:
            people: person ids, int64 [P]; one without a row gets NaN.
        """
        answers = self._yes_no(self.codes)  # [N, C]
        known = ~np.isnan(answers)
        named, row_of = np.unique(self.people, return_inverse=True)
        asked = np.zeros((len(named), answers.shape[1]), dtype=np.int64)
        agreed = np.zeros_like(asked)
        np.add.at(asked, row_of, known)
        np.add.at(agreed, row_of, answers == 1)
        decided = np.where(asked > 0, (2 * agreed >= asked).astype(np.float32), np.float32(np.nan))
        wanted = np.asarray(people, dtype=np.int64)
        place = np.minimum(np.searchsorted(named, wanted), len(named) - 1)
        found: NDArray[np.float32] = np.where((named[place] == wanted)[:, None], decided[place], np.float32(np.nan))
        return found

    def tracklet_targets(self, tracklets: Sequence[Tracklet]) -> NDArray[np.float32]:
        """Yes/no of tracklets in all columns of `groups`: float32 [T, C], NaN where unknown."""
        return self._yes_no(self.codes_of(tracklets))

    @cached_property
    def _grouped(self) -> dict[str, list[Column]]:
        found: dict[str, list[Column]] = {name: [] for name in GROUPS}
        for attribute in self.attributes:
            if attribute.group:
                first = 1 if attribute.kind == "binary" else 0
                found.setdefault(attribute.group, []).extend(
                    Column(column, attribute.name, attribute.group, code)
                    for code, column in enumerate(attribute.columns, start=first)
                )
        return {name: columns for name, columns in found.items() if columns}

    @cached_property
    def _row_by_name(self) -> dict[str | int, int]:
        """Row of a tracklet's key, or of a person where rows are identities."""
        if self.keys[0]:
            return {key: row for row, key in enumerate(self.keys)}
        return {person: row for row, person in enumerate(self.people.tolist())}

    def _rows_of(self, tracklets: Sequence[Tracklet]) -> NDArray[np.int64]:
        by_key = bool(self.keys[0])
        rows = np.full(len(tracklets), -1, dtype=np.int64)
        for place, tracklet in enumerate(tracklets):
            rows[place] = self._row_by_name.get(tracklet.key if by_key else tracklet.person_id, -1)
        wrong = np.flatnonzero((rows >= 0) & (self.people[rows] != person_ids(tracklets)))
        if wrong.size:
            first = int(wrong[0])
            raise DataError(
                f"{self.name} says that tracklet {tracklets[first].key} is of person {self.people[rows[first]]}, but "
                f"the data set says {tracklets[first].person_id} ({len(wrong):,} such tracklets): they belong to "
                "different releases; take both from one"
            )
        return rows

    def _yes_no(self, codes: NDArray[np.int16]) -> NDArray[np.float32]:
        """[.., A] codes -> [.., C] yes/no of the columns that can be learned."""
        places = np.array([self._place(column.attribute) for column in self.columns], dtype=np.int64)
        wanted = np.array([column.code for column in self.columns], dtype=np.int16)
        there = codes[:, places]  # [N, C]
        answers: NDArray[np.float32] = np.where(
            there == UNKNOWN, np.float32(np.nan), (there == wanted).astype(np.float32)
        )
        return answers

    def _place(self, name: str) -> int:
        names = [attribute.name for attribute in self.attributes]
        if name in names:
            return names.index(name)
        hint = did_you_mean(name.lower(), names) or f"known are {', '.join(names)}."
        raise DataError(f"{self.name} has no attribute called {name!r}; {hint}")
