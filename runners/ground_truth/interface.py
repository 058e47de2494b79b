"""What a measurement against known truth is: of which kind, as which step, of whom, and how.

A module of this room states it in two constants: ``STEP``, a plain text, which `runners.plan.code_digest` reads without
importing anything, and ``MEASUREMENT``, which `runners.ground_truth.discovery` finds. The job goes through all that are
found and names none.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import nn

from datasets.attributes import Annotation
from datasets.frames.decoded import FrameStore
from datasets.frames.subset import Frames
from datasets.images.resize import Filter
from datasets.tracklet import Split
from methods.interface import ScoresRegions
from reports.records.interface import LAST, Recorded
from reports.schema.vocabulary import RAW
from runners.plan.plan_types import ArmRun, JobConfig, PlannedData, PlannedScores, PlannedStage
from runners.plan.step_store import Step, StepStore
from runners.training import stage


class JobData(Protocol):
    """Data of a job, as `runners.pipeline.data_versions.DataVersions` has them."""

    @property
    def raw(self) -> Split:
        """The data as they are."""

    @property
    def steps(self) -> StepStore:
        """Where steps are kept."""

    @property
    def device(self) -> str:
        """On which all is computed."""

    @property
    def annotation(self) -> Annotation | None:
        """What is known of the people."""

    def raw_store(self, part: str, size: tuple[int, int], crop: float = 1.0, resize: Filter = "bilinear") -> FrameStore:
        """Frames of a half of the raw data.

        Args:
            part: ``train`` or ``test``.
            size: (height, width) in pixels.
            crop, resize: as in `FrameStore.build`.
        """

    def store(
        self, part: str, size: tuple[int, int], data: PlannedData, crop: float = 1.0, resize: Filter = "bilinear"
    ) -> Frames:
        """Frames of a half of other data.

        Args:
            part: ``train`` or ``test``.
            size: (height, width) in pixels.
            data: the version of the data set.
            crop, resize: as in `FrameStore.build`.
        """

    def scores(self, part: str, planned: PlannedScores) -> NDArray[np.float32]:
        """``[F, K]`` scores of the regions of each frame."""

    def calls(self, part: str, data: PlannedData) -> NDArray[np.bool_]:
        """``[F, K]`` regions of each raw frame that repaired data rest on, as they were called occluded."""

    def scorer(self, planned: PlannedScores) -> ScoresRegions:
        """The network that scores regions."""

    def folder(self, data: PlannedData, root: Path | None = None) -> Path:
        """Where repaired data lie."""


@dataclass(frozen=True)
class MeasurementInput:
    """An arm with a seed that is trained and tested, and all that a measurement may need.

    Attributes:
        run: the arm.
        last: its last stage.
        tested: the data it is tested on.
        config: of the job.
        data: data of the job.
        calls: whether the job repairs anything by calls of regions.
        kept: what measurements of one job share, under keys of their own.
    """

    run: ArmRun
    last: PlannedStage
    tested: PlannedData
    config: JobConfig
    data: JobData
    calls: bool
    kept: dict[str, Any]

    @property
    def of_raw(self) -> bool:
        """Whether an arm is asked about the raw test half: controls are not, nor arms that are tested on other data."""
        return not self.run.control and self.run.tested_on == RAW

    def trained(self) -> nn.Module:
        """The network as training left it."""
        data = self.data
        return stage.trained_method(self.last, data.raw.num_train_ids, data.steps, data.device)


@dataclass(frozen=True)
class Answer:
    """A record and its arrays."""

    record: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Measurement:
    """One kind of answer.

    Attributes:
        kind: name of what is recorded, see `reports.records`.
        planned: the step in which it is measured, of the kind that the module's ``STEP`` says; None where the arm, the
            data or the annotation leave nothing to measure.
        measure: record and arrays; None where the network has no answer.
        order: place among the measurements, from the smallest.
        once: of the data and not of the arm: measured with the first arm of a seed alone.
    """

    kind: str
    planned: Callable[[MeasurementInput], Step | None]
    measure: Callable[[MeasurementInput], Recorded | None]
    order: int = LAST
    once: bool = False


def has_truth(split: Split) -> bool:
    """Whether a data set says what is where in its frames."""
    return split.synthetic and (split.root / "truth" / "manifest.json").is_file()
