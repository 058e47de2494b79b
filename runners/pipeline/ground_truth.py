"""What only known truth can answer: where a network looks, what it recognises, and what a repair restores.

Each answer is a recorded step of its own, made once for an arm or a version of the data, whatever needs it.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from files.formats.arrays import load_npz
from reports.records import kinds, kinds_of_arms
from reports.records.interface import Recorded
from runners.errors import RunError
from runners.evaluation.occluded_regions import occluded_regions
from runners.evaluation.score import to_npz
from runners.ground_truth.discovery import measurements
from runners.ground_truth.hidden_shares import hidden_shares
from runners.ground_truth.interface import Answer, Measurement, MeasurementInput, has_truth
from runners.pipeline.data_versions import DataVersions
from runners.plan.plan import plan_scores
from runners.plan.plan_types import ArmRun, JobConfig, PlannedData, PlannedStage
from runners.plan.step_store import AGAIN, Step, read_json, write_bytes, write_json


@dataclass(frozen=True)
class HiddenShares:
    """Hidden share of each test tracklet ``[N]``, 0 to 1, mean over frames, and what says so."""

    shares: NDArray[np.float64]
    by: Literal["truth", "region scores"]


@dataclass
class GroundTruthChecks:
    """Answers for one job.

    Attributes:
        versions: data of the job.
        config: of the job.
        calls: whether the job repairs anything by calls.
    """

    versions: DataVersions
    config: JobConfig
    calls: bool = False
    _kept: dict[str, Any] = field(default_factory=dict)
    _shares: HiddenShares | None = None

    def answers(self, run: ArmRun, last: PlannedStage, tested: PlannedData, measured: set[str]) -> dict[str, Recorded]:
        """All that can be measured of an arm with a seed, by the name of its kind; recorded now or before.

        Args:
            run: the arm.
            last: its last stage.
            tested: the data it is tested on.
            measured: fingerprints of the steps on data alone that were measured with this seed; new ones are added.
        """
        given = MeasurementInput(run, last, tested, self.config, self.versions, self.calls, self._kept)
        found: dict[str, Recorded] = {}
        for measurement in measurements():
            step = measurement.planned(given)
            if step is None or (measurement.once and step.fingerprint in measured):
                continue
            measured |= {step.fingerprint} if measurement.once else set()
            answer = self._once(step, measurement, given)
            if answer is not None:
                found[measurement.kind] = answer
        return found

    def done(self, run: ArmRun, last: PlannedStage, tested: PlannedData) -> bool:
        """Whether all that can be measured of an arm is there. Arguments as in `answers`."""
        given = MeasurementInput(run, last, tested, self.config, self.versions, self.calls, self._kept)
        planned = [measurement.planned(given) for measurement in measurements()]
        return all(self.versions.steps.done(step) for step in planned if step is not None)

    def _once(self, step: Step, measurement: Measurement, given: MeasurementInput) -> Answer | None:
        """What is measured in a step, made if need be; None where there is no answer."""
        steps, (json_name, npz_name) = self.versions.steps, kinds()[measurement.kind].files
        if not steps.done(step):
            made = measurement.measure(given)
            with steps.running(step) as folder:
                if folder is not None:
                    write_json(folder / json_name, dict(made.record) if made else None)
                    write_bytes(folder / npz_name, to_npz(dict(made.arrays) if made else {}))
        return _read(steps.folder(step), measurement.kind)

    def hidden_by(self, seed: int) -> str | None:
        """What `hidden_shares` rests on, for fingerprints: ``truth``, the region scores' fingerprint, or None."""
        if has_truth(self.versions.raw):
            return "truth"
        return plan_scores(seed, self.config).step.fingerprint if self.calls else None

    def hidden_shares(self, seed: int) -> HiddenShares | None:
        """How much of the person is hidden in each test tracklet.

        By truth where it is known; else by the share of called regions, if the job calls any; else None.
        """
        versions = self.versions
        if self._shares is None and has_truth(versions.raw):
            self._shares = HiddenShares(hidden_shares(versions.raw), "truth")
        elif self._shares is None and self.calls:
            planned = plan_scores(seed, self.config)
            found = occluded_regions(versions.scores("test", planned), versions.scorer(planned).region_threshold).mean(
                axis=1
            )
            offsets = versions.raw_store("test", planned.scorer.size).offsets
            shares = np.add.reduceat(found, offsets[:-1]) / np.diff(offsets)
            self._shares = HiddenShares(shares, "region scores")
        return self._shares


def records_in(folder: Path) -> dict[str, Recorded]:
    """What lies beside the result in a step's folder, by the name of its kind."""
    found = {kind.name: _read(folder, kind.name) for kind in kinds_of_arms() if (folder / kind.files[0]).is_file()}
    return {name: answer for name, answer in found.items() if answer is not None}


def _read(folder: Path, kind: str) -> Answer | None:
    json_name, npz_name = kinds()[kind].files
    record = read_json(folder / json_name)
    if record is None:
        return None
    return Answer(record, load_npz(folder / npz_name, error=RunError, remedy=AGAIN))
