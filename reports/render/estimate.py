"""An accuracy with its interval, as tables and pages show it."""

from typing import Any, Protocol

from numpy.typing import NDArray

from protocols.statistics import clustered_bootstrap
from reports.render.table import Estimate


class PerQueryValues(Protocol):
    """What has a value of each metric for each query, as an arm of a job has."""

    def values(self, metric: str) -> NDArray[Any]:
        """``[S, Q]`` values in percent, one row for each seed; ``[S, K, Q]`` of several heads a seed."""

    def people(self, metric: str) -> NDArray[Any]:
        """``[Q]``: the person of each query."""


def estimate(group: PerQueryValues, metric: str) -> Estimate:
    """Mean over queries and seeds in percent, with its identity-clustered 95 % interval."""
    found = clustered_bootstrap(group.values(metric), group.people(metric), bounds=(0.0, 100.0))
    return Estimate(found.mean, found.low, found.high)
