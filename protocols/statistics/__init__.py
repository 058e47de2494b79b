"""Intervals and paired tests that respect how re-ID data is made: many queries of few people, few trainings.

protocols.statistics.clustered_bootstrap(values, people)         # an Interval over people, not queries
protocols.statistics.paired_difference(ours, theirs, people)     # of two arms on the same queries
"""

from protocols.statistics.bootstrap import (
    POINTS,
    SMALLEST_SHARE,
    Interval,
    clustered_bootstrap,
    paired_difference,
    verdict,
)
from protocols.statistics.resampling import Draw, Floats
from protocols.vocabulary import Verdict

__all__ = [
    "POINTS",
    "SMALLEST_SHARE",
    "Draw",
    "Floats",
    "Interval",
    "Verdict",
    "clustered_bootstrap",
    "paired_difference",
    "verdict",
]
