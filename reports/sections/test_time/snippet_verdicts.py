"""Are snippets bad for tracklets that are too short, and for those that are too long? Recorded choices, as verdicts.

A critique of methods that cut tracklets into snippets of N frames and average their descriptors says: bad if the video
is too short, and bad if it is too long. Here the same network with the same weights is fed snippets of N (the last
one filled with its own frames) and the whole sequence in one pass; their difference, whole minus snippets, is what
snippets lose. "Short" and "long" are taken from what N does to a tracklet:

* short: fewer than N frames, so that the only snippet must repeat frames;
* long: 4 N frames or more, so that the mean runs over at least four snippets that know nothing of each other;
* middling: from N to 4 N - 1 frames, the critique's silence, and the reference.

Query and gallery are both fed as snippets, or both whole. The length is that of the query's tracklet, or that of the
correct matches (``gallery``): there, each query counts once
for each slice of lengths in which it has a correct match, and correct matches of other lengths are ignored. Queries
without a correct match are left out: nothing can be lost on them.

Intervals resample people, and seeds where there are several. The critique *holds* where the whole interval of the loss
lies above 0; it *does not hold* where the interval lies at or below 0, or touches 0 and stays below `WORTH` points, so
that what may be lost is next to nothing; else it *cannot tell*. Beside each stands how much more is lost than on
middling tracklets: a loss that is the same at every length is no matter of length.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from protocols.statistics import SMALLEST_SHARE, Interval, clustered_bootstrap, paired_difference, verdict
from protocols.vocabulary import Verdict
from reports.records.test_time import KIND as TEST_TIME
from reports.records.test_time import MEASURES, Choices
from reports.render.table import MINUS, Cell, Column, Estimate, Row, Table
from reports.sections.results.tables import scored_under
from reports.store.arm import Group
from reports.store.job import Job

Floats = NDArray[np.float64]
Which = Literal["short", "middling", "long"]
Whose = Literal["query", "gallery"]

WORTH = 1.0
WHOLE = "whole"
ABSENT = "no such tracklets"
LONG = 4
WHICH: tuple[Which, ...] = ("short", "middling", "long")
WHOSE: tuple[Whose, ...] = ("query", "gallery")
METRICS = tuple(MEASURES)
LABELS = {"mAP": "AP", "rank1": "rank-1"}
DEFINITION = (
    f"Short: fewer than N frames, so that the one snippet must repeat frames. Long: {LONG} N frames or more, so that "
    f"at least {LONG} snippets are averaged. Middling: between them. Loss: whole sequence minus snippets, by the same "
    "network with the same weights; query and gallery are both fed in that way."
)


@dataclass(frozen=True, slots=True)
class Loss:
    """What snippets lose by one metric on some tracklets, in points.

    Attributes:
        interval: whole minus snippets, paired; None where fewer than two people can be asked.
        verdict: on "snippets are bad here".
        beyond: how much more is lost than on middling tracklets; None for these, and where either is unknown.
    """

    interval: Interval | None
    verdict: Verdict
    beyond: Interval | None


@dataclass(frozen=True, slots=True)
class Finding:
    """Snippets of N frames on tracklets of one kind.

    Attributes:
        n: N.
        whose: length of the query, or of its correct matches.
        which: short, middling or long.
        values: queries, or for ``gallery`` pairs of a query and a slice of lengths.
        people: the queries' people.
        losses: metric -> loss.
        sentence: what this says, in plain words.
    """

    n: int
    whose: Whose
    which: Which
    values: int
    people: int
    losses: dict[str, Loss]
    sentence: str

    @property
    def verdict(self) -> Verdict:
        """By AP, which every correct match counts in."""
        return self.losses["mAP"].verdict


def critique(group: Group) -> tuple[Finding, ...]:
    """All findings of one arm, by N, then by whose length it is, then from short to long.

    Empty where the arm recorded no choices, or cannot take a whole sequence (a network of fixed clips).
    """
    records = [found for found in map(TEST_TIME.of, group.runs) if found is not None]
    if len(records) < len(group.first_heads) or any(one.of(WHOLE) is None for one in records):
        return ()
    findings: list[Finding] = []
    for n in snippet_lengths(records[0]):
        for whose in WHOSE:
            parts = {which: _losses(records, n, whose, which) for which in WHICH}
            for which, part in parts.items():
                losses = {metric: _loss(part, parts["middling"], which, metric) for metric in METRICS}
                count, people = len(part.people), len(np.unique(part.people))
                sentence = _sentence(group.label, n, whose, which, losses["mAP"], count)
                findings.append(Finding(n, whose, which, count, people, losses, sentence))
    return tuple(findings)


def snippet_lengths(choices: Choices) -> tuple[int, ...]:
    """Every N of the curve of snippets that was run."""
    return tuple(sorted(int(one["frames"]) for one in choices.run if one["family"] == "snippets" and one["curve"]))


def span(n: int, which: Which) -> tuple[int, int | None]:
    """First and last number of frames of a kind; None: no last one. Short tracklets of N = 1 do not exist."""
    return {"short": (1, n - 1), "middling": (n, LONG * n - 1), "long": (LONG * n, None)}[which]


def in_words(n: int, which: Which) -> str:
    """Such as ``fewer than 8 frames``."""
    if which == "short":
        return f"fewer than {n} frames"
    return f"{n} to {LONG * n - 1} frames" if which == "middling" else f"{LONG * n} frames or more"


def verdicts(findings: tuple[Finding, ...]) -> tuple[str, ...]:
    """Does the critique hold? One sentence for each of its two halves and each side, over all N."""
    sentences = []
    for which in ("short", "long"):
        for whose in WHOSE:
            found = {
                one.n: one.verdict if one.values else ABSENT
                for one in findings
                if (one.which, one.whose) == (which, whose)
            }
            if found:
                sentences.append(_over_all(which, whose, found))
    return tuple(sentences)


def table(job: Job) -> Table:
    """A row for each arm, N, side and kind of length; without rows where nothing was recorded."""
    rows = []
    for group in job.arms():
        runs = group.run_ids
        for one in critique(group):
            cells: list[Cell] = [group.label, one.n, _SIDE[one.whose], one.which, in_words(one.n, one.which)]
            cells += [one.values, one.people]
            for metric in METRICS:
                cells += [_estimate(one.losses[metric].interval, one.losses[metric].verdict)]
                cells += [_estimate(one.losses[metric].beyond, "")]
            rows.append(Row((*cells, one.verdict, one.sentence), one.which, runs))
    columns = [
        Column("arm", "Arm"), Column("n", "N", "number", 0), Column("whose", "Length of"), Column("which", "Kind"),
        Column("frames", "Frames"), Column("values", "Queries", "number", 0), Column("people", "People", "number", 0),
    ]  # fmt: skip
    for metric in METRICS:
        name = LABELS[metric]
        columns += [
            Column(f"{metric}_loss", f"Loss in {name}", "estimate", 1, signed=True, unit="points", has_verdict=True),
            Column(
                f"{metric}_beyond", f"More than middling, {name}", "estimate", 1, signed=True, unit="points",
                data_only=metric != "mAP",
            ),
        ]  # fmt: skip
    columns += [Column("verdict", "Snippets are bad here"), Column("sentence", "In words", data_only=True)]
    caption = f"Are snippets bad for short and for long tracklets? {scored_under(job)}"
    return Table("length_critique", caption, tuple(columns), tuple(rows), NOTES if rows else ())


NOTES = (
    DEFINITION,
    "Length of the correct matches: a query counts once for each slice of lengths in which it has one; those of "
    "other lengths are ignored. Ranges: 95 % intervals, people resampled.",
    f"Holds: the whole interval lies above 0. Does not hold: it lies at or below 0, or touches 0 and stays below "
    f"{WORTH:g} point.",
)
_SIDE = {"query": "the query", "gallery": "the correct match"}


@dataclass(frozen=True, slots=True)
class _Part:
    """Paired values of the tracklets of one kind: ``[S, V]`` of each metric, and the person of each ``[V]``."""

    whole: dict[str, Floats]
    snippets: dict[str, Floats]
    people: NDArray[Any]


def _losses(records: list[Choices], n: int, whose: Whose, which: Which) -> _Part:
    low, high = span(n, which)
    if whose == "query":
        length = np.asarray(records[0].arrays["length"])
        inside = (length >= low) & (length <= (np.inf if high is None else high))
        slices = [("", inside & records[0].valid())]
    else:
        slices = [(one["name"], records[0].valid(one["name"])) for one in records[0].bins if _within(one, low, high)]
    person = np.asarray(records[0].arrays["person"])
    people = np.concatenate([person[keep] for _, keep in slices]) if slices else person[:0]

    def values(name: str, metric: str) -> Floats:
        rows = [np.concatenate(list(_of_run(record, name, metric, slices))) for record in records]
        return np.stack(rows)

    if not len(people):
        nothing = dict.fromkeys(METRICS, np.zeros((len(records), 0)))
        return _Part(nothing, nothing, people)
    return _Part(
        {metric: values(WHOLE, metric) for metric in METRICS},
        {metric: values(f"snippets-{n}", metric) for metric in METRICS},
        people,
    )


def _of_run(record: Choices, name: str, metric: str, slices: list[tuple[str, NDArray[np.bool_]]]) -> Iterator[Floats]:
    for place, keep in slices:
        found = record.values(name, metric, place)
        assert found is not None  # the record was checked when it was read
        yield found[keep]


def _within(one: dict[str, Any], low: int, high: int | None) -> bool:
    """Whether a slice lies between two lengths; its edges are powers of two, as N and 4 N are."""
    return bool(one["low"] >= low and (high is None or (one["high"] is not None and one["high"] <= high)))


def _loss(part: _Part, middling: _Part, which: Which, metric: str) -> Loss:
    if len(np.unique(part.people)) < 2:
        return Loss(None, "cannot tell", None)
    found = paired_difference(part.whole[metric], part.snippets[metric], part.people)
    beyond = None
    if which != "middling" and len(middling.people):
        beyond = _beyond(part, middling, metric)
    return Loss(found, verdict(found, WORTH / SMALLEST_SHARE), beyond)


def _beyond(part: _Part, middling: _Part, metric: str) -> Interval:
    """Interval of the difference of two means over different tracklets of the same people.

    Each value is replaced by what it adds to the difference, to first order; people are resampled over both at once,
    so that a person with tracklets of both kinds moves both.
    """
    first, second = (one.whole[metric] - one.snippets[metric] for one in (part, middling))
    count = first.shape[1] + second.shape[1]
    apart = first.mean() - second.mean()
    adds = np.concatenate(
        [
            apart + count / first.shape[1] * (first - first.mean()),
            apart - count / second.shape[1] * (second - second.mean()),
        ],
        axis=1,
    )
    return clustered_bootstrap(adds, np.concatenate([part.people, middling.people]))


def _estimate(interval: Interval | None, verdict: str) -> Cell:
    return None if interval is None else Estimate(interval.mean, interval.low, interval.high, verdict)


def _sentence(label: str, n: int, whose: Whose, which: Which, loss: Loss, count: int) -> str:
    where = f"{'queries' if whose == 'query' else 'correct matches'} of {in_words(n, which)}"
    if loss.interval is None:
        why = "all of them show one person" if count else "there are none"
        return f"{label}: whether snippets of {n} lose on {where} cannot be told, {why}."
    size = f"{_points(loss.interval.mean)} points of AP ({_points(loss.interval.low)} to {_points(loss.interval.high)})"
    if loss.verdict == "holds":
        text = f"{label}: on {where}, snippets of {n} lose {size} against the whole sequence"
    elif loss.verdict == "does not hold":
        text = f"{label}: on {where}, snippets of {n} lose nothing that counts against the whole sequence, {size}"
    else:
        text = f"{label}: whether snippets of {n} lose on {where} cannot be told, {size}"
    if which == "middling" or loss.beyond is None:
        return f"{text}."
    more = f"{_points(loss.beyond.mean)} ({_points(loss.beyond.low)} to {_points(loss.beyond.high)})"
    beside = "more than" if loss.beyond.low > 0 else "less than" if loss.beyond.high < 0 else "not separably other than"
    return f"{text}; that is {beside} on middling ones: {more}."


def _points(value: float) -> str:
    text = f"{value:+.1f}".replace("-", MINUS)
    return "0.0" if text[1:] == "0.0" else text


def _over_all(which: str, whose: Whose, found: dict[int, str]) -> str:
    """Such as "Too short, by length of the query: holds at N = 8 and 16, cannot tell at N = 2, 4 and 32."."""
    parts = []
    for word in ("holds", "does not hold", "cannot tell", ABSENT):
        at = [str(n) for n, one in found.items() if one == word]
        if at:
            parts.append(f"{word} at N = {_listed(at)}")
    return f"Too {which}, by the length of {_SIDE[whose]}: {', '.join(parts)}."


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
