"""Controls that train nothing, for one job: which can be asked of an arm here, and what is scored for each."""

from dataclasses import dataclass, field
from pathlib import Path

from torch import nn

from protocols.interface import Protocol
from protocols.vocabulary import UNTRAINED_CONTROLS
from reports.schema.vocabulary import RAW
from runners.evaluation.encode import TestInputs
from runners.evaluation.saved_descriptors import SCRATCH, encoded_of
from runners.ground_truth.interface import has_truth
from runners.oracles.discovery import rules
from runners.oracles.interface import OracleAnswer, OracleInput
from runners.pipeline.data_versions import DataVersions
from runners.pipeline.test_inputs import test_inputs_of
from runners.plan.plan_types import ArmRun, PlannedData, PlannedStage
from runners.training import stage


def trains_nothing(run: ArmRun) -> bool:
    """Whether a run scores the network of its arm once more."""
    return run.control in UNTRAINED_CONTROLS


@dataclass
class Untrained:
    """What they share.

    Attributes:
        versions: data of the job.
        protocol: how arms are scored.
    """

    versions: DataVersions
    protocol: Protocol
    _refused: dict[str, dict[str, str]] = field(default_factory=dict)

    def impossible(self, run: ArmRun, size: tuple[int, int]) -> str:
        """Why a run cannot be asked for here; empty text where it can, as every run that is no such control.

        Args:
            run: the arm and its control.
            size: (height, width) of its frames.
        """
        if not trains_nothing(run):
            return ""
        raw = self.versions.raw
        rule = rules()[str(run.control)]
        if rule.needs_truth and not has_truth(raw):
            return f"{run.text} needs the truth of its data, and {raw.root} holds none"
        if run.tested_on != RAW:
            return f"{run.text} is scored on raw data, and its arm on {run.tested_on}"
        reason = self._reasons(run, size)[rule.control]
        return f"{run.text} cannot be asked for: {reason}" if reason else ""

    def _reasons(self, run: ArmRun, size: tuple[int, int]) -> dict[str, str]:
        """Control -> what its rule has against the arm's network; empty text for nothing."""
        if run.arm.text not in self._refused:
            network = stage.build_method(ArmRun(run.arm), self.versions.raw.num_train_ids, 0, size, "cpu", "fp32")
            network.eval()
            self._refused[run.arm.text] = {name: rule.refused(network) for name, rule in rules().items()}
        return self._refused[run.arm.text]

    def answer(self, run: ArmRun, last: PlannedStage, tested: PlannedData, of_arm: Path, folder: Path) -> OracleAnswer:
        """What is scored for a control.

        Args:
            run: the arm and its control.
            last: the arm's last stage, trained.
            tested: the raw data.
            of_arm: folder of the arm's own result.
            folder: of the control's, in the making.
        """
        versions = self.versions

        def inputs(network: nn.Module) -> TestInputs:
            store = versions.store("test", last.size, tested, last.crop, last.resize)
            return test_inputs_of(network, ArmRun(run.arm), last, tested, store, versions, folder / SCRATCH)

        given = OracleInput(
            last,
            self.protocol,
            versions,
            encoded_of(of_arm),
            lambda: stage.trained_method(last, versions.raw.num_train_ids, versions.steps, versions.device),
            inputs,
        )
        return rules()[str(run.control)].answer(given)
