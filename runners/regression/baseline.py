"""The baseline's file: what is run, what came out, on what it was measured, and why it was measured anew each time."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from files.formats import json as json_files
from runners.errors import RunError
from runners.plan.step_store import write_bytes
from runners.regression.matrix import Matrix, missing_file, read_matrix

FORMAT = 1
MOST_BYTES = 300_000
DECIMALS = 2  # of per-query values in percent
REMEDY = 'if the change is meant, measure a new baseline: --update --reason "why the numbers may change"'


@dataclass(frozen=True)
class Probe:
    """An exact check: something that does not depend on training, as a digest or as named numbers.

    Attributes:
        digest: of whole numbers, which are equal everywhere; empty where there are numbers instead.
        numbers: by name; equal up to ``tolerance`` times the largest of them (at least 1).
        tolerance: room for other instruction sets and library versions.
    """

    digest: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)
    tolerance: float = 0.0


@dataclass(frozen=True)
class Ratio:
    """A time over that of a reference, both measured in turns in one process: median and its 95 % interval."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class ArmResult:
    """What is kept of one arm under one protocol.

    Attributes:
        protocol: its record, and so its version.
        metrics: all that were recorded, of the first seed, in percent; none may vanish.
        values: metric -> seed -> value of each query in percent, NaN where a query does not count.
        weights: seed -> digest of the trained weights.
        counts: operations and parameters, whole numbers.
        ratios: ``latency`` and ``throughput`` times over those of the bare trunk.
        trunk: which trunk that was.
    """

    protocol: Mapping[str, Any]
    metrics: Mapping[str, float]
    values: Mapping[str, Mapping[int, NDArray[np.float64]]]
    weights: Mapping[int, str]
    counts: Mapping[str, int]
    ratios: Mapping[str, Ratio]
    trunk: str


@dataclass(frozen=True)
class Measured:
    """All that one run of the matrix gave.

    Attributes:
        configuration: within which bits repeat: versions, threads, instruction set, precision.
        versions: of Python and libraries, for the record.
        data: fingerprint of the data set.
        people: person of each query.
        queries: digest of the queries' names.
        arms: by name.
        probes: by name.
        seconds: how long each part took.
        failures: arm -> why it did not finish; not in the file, which holds whole results only.
    """

    configuration: Mapping[str, Any]
    versions: Mapping[str, str]
    data: str
    people: NDArray[np.int64]
    queries: str
    arms: Mapping[str, ArmResult]
    probes: Mapping[str, Probe]
    seconds: Mapping[str, float]
    failures: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Baseline:
    """The file.

    Attributes:
        matrix: what is run.
        measured: what came out; None in a file that only says what to run.
        of_matrix: the matrix that this came out of; another one than ``matrix`` where somebody edited the file.
        history: when and why it was measured, oldest first; the last entry is about ``measured``.
    """

    matrix: Matrix
    measured: Measured | None = None
    of_matrix: Mapping[str, Any] = field(default_factory=dict)
    history: tuple[Mapping[str, Any], ...] = ()


def read_baseline(path: Path) -> Baseline:
    """Read and check a baseline.

    Raises:
        ReportError: there is none.
        RunError: it is damaged, or of another format.
    """
    if not path.exists():
        raise missing_file(path)
    plain = json_files.read_object(path, error=RunError, remedy="restore it from version control.")
    if plain.get("format") != FORMAT:
        raise RunError(
            f"{path}: the format is {plain.get('format')!r}, expected {FORMAT}; measure it again with --update."
        )
    matrix = read_matrix(plain.get("matrix"), str(path))
    if plain.get("measured") is None:
        return Baseline(matrix, history=tuple(plain.get("history") or ()))
    try:
        measured = _measured(plain["measured"])
        return Baseline(matrix, measured, dict(plain["of_matrix"]), tuple(plain["history"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"{type(error).__name__}: {error}"
        raise RunError(f"{path}: its results are damaged ({what}); restore it from version control.") from error


def write_baseline(path: Path, matrix: Matrix, measured: Measured, history: tuple[Mapping[str, Any], ...]) -> int:
    """Write a baseline whole or not at all; returns its size in bytes.

    Raises:
        RunError: it would be larger than a file under version control should be.

    Args:
        path: of the file.
        matrix: what was run.
        measured: what it gave.
        history: earlier entries.
    """
    plain = {
        "format": FORMAT,
        "matrix": matrix.as_dict(),
        "of_matrix": matrix.as_dict(),
        "measured": _plain(measured),
        "history": list(history),
    }
    content = (_laid_out(plain) + "\n").encode()
    if len(content) > MOST_BYTES:
        raise RunError(
            f"the baseline would have {len(content):,} bytes, more than {MOST_BYTES:,}; take fewer seeds, arms or "
            "queries into the matrix."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, content)
    return len(content)


def entry_of(measured: Measured, reason: str) -> dict[str, Any]:
    """What history keeps of a measurement.

    Raises:
        RunError: without a reason.
    """
    words = " ".join(reason.split())
    if not words:
        raise RunError('--update needs --reason "why the numbers may change"; it stays in the baseline\'s history.')
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "reason": words,
        "configuration": dict(measured.configuration),
        "versions": dict(measured.versions),
        "results": {
            name: {metric: round(float(np.nanmean(np.stack(list(seeds.values())))), 2)
                   for metric, seeds in arm.values.items()}
            for name, arm in measured.arms.items()
        },
    }  # fmt: skip


def rounded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """As values stand in the file, so that equal results compare equal."""
    cut: NDArray[np.float64] = np.round(values, DECIMALS)
    return cut


def _plain(measured: Measured) -> dict[str, Any]:
    return {
        "configuration": dict(measured.configuration),
        "versions": dict(measured.versions),
        "data": measured.data,
        "people": measured.people.tolist(),
        "queries": measured.queries,
        "seconds": {name: round(value, 1) for name, value in measured.seconds.items()},
        "arms": {
            name: {
                "protocol": dict(arm.protocol),
                "metrics": {metric: round(value, 4) for metric, value in arm.metrics.items()},
                "values": {
                    metric: {str(seed): _numbers(row) for seed, row in seeds.items()}
                    for metric, seeds in arm.values.items()
                },
                "weights": {str(seed): digest for seed, digest in arm.weights.items()},
                "counts": dict(arm.counts),
                "ratios": {n: [round(r.median, 4), round(r.low, 4), round(r.high, 4)] for n, r in arm.ratios.items()},
                "trunk": arm.trunk,
            }
            for name, arm in measured.arms.items()
        },
        "probes": {
            name: probe.digest
            if probe.digest
            else {"tolerance": probe.tolerance, "numbers": {n: float(f"{v:.7g}") for n, v in probe.numbers.items()}}
            for name, probe in measured.probes.items()
        },
    }


def _measured(plain: Mapping[str, Any]) -> Measured:
    people = np.array(plain["people"], dtype=np.int64)
    arms = {}
    for name, arm in plain["arms"].items():
        values = {
            metric: {int(seed): _row(row, len(people), f"{name} {metric}") for seed, row in seeds.items()}
            for metric, seeds in arm["values"].items()
        }
        arms[name] = ArmResult(
            protocol=dict(arm["protocol"]),
            metrics=dict(arm["metrics"]),
            values=values,
            weights={int(seed): str(digest) for seed, digest in arm["weights"].items()},
            counts={key: int(value) for key, value in arm["counts"].items()},
            ratios={key: Ratio(*map(float, three)) for key, three in arm["ratios"].items()},
            trunk=str(arm["trunk"]),
        )
    probes = {
        name: Probe(digest=probe) if isinstance(probe, str) else Probe("", probe["numbers"], probe["tolerance"])
        for name, probe in plain["probes"].items()
    }
    return Measured(
        configuration=dict(plain["configuration"]),
        versions=dict(plain["versions"]),
        data=str(plain["data"]),
        people=people,
        queries=str(plain["queries"]),
        arms=arms,
        probes=probes,
        seconds=dict(plain["seconds"]),
    )


def _numbers(row: NDArray[np.float64]) -> list[float | int | None]:
    """Short JSON: whole numbers without a point, null where a query does not count."""
    out: list[float | int | None] = []
    for value in rounded(row).tolist():
        out.append(None if np.isnan(value) else int(value) if value == int(value) else value)
    return out


def _row(row: list[Any], length: int, where: str) -> NDArray[np.float64]:
    values = np.array([np.nan if value is None else value for value in row], dtype=np.float64)
    if values.shape != (length,):
        raise ValueError(f"{where} has {len(row)} values for {length} queries")
    return values


def _laid_out(plain: Mapping[str, Any]) -> str:
    """JSON with a line for each list of numbers, so that a diff stays readable."""

    def text(value: Any, indent: int) -> str:
        pad = " " * (indent + 1)
        if isinstance(value, Mapping) and value:
            if all(not isinstance(v, Mapping | list | tuple) for v in value.values()):
                return json.dumps(value, ensure_ascii=False, allow_nan=False)
            inner = [f"{pad}{json.dumps(str(k), ensure_ascii=False)}: {text(v, indent + 1)}" for k, v in value.items()]
            return "{\n" + ",\n".join(inner) + "\n" + " " * indent + "}"
        if isinstance(value, list | tuple) and value and isinstance(value[0], Mapping):
            return "[\n" + ",\n".join(pad + text(v, indent + 1) for v in value) + "\n" + " " * indent + "]"
        flat = isinstance(value, list | tuple)
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":") if flat else None)

    return text(plain, 0)
