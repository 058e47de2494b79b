"""A baseline of narrow width on the tiny world, untrained, as a job would score it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import nn

import datasets
import methods
import protocols
from datasets.tracklet import Split
from runners.evaluation.encode import EncodedTestSet, TestInputs
from runners.evaluation.encode_variants import encode_under_protocol
from runners.oracles.interface import OracleInput
from runners.pipeline.data_versions import DataVersions
from runners.pipeline.test_inputs import test_inputs_of
from runners.plan.plan import plan_stages
from runners.plan.plan_types import ArmRun, PlannedData
from runners.plan.step_store import StepStore
from tests.places import PAPERS
from tests.runners.job_config import config


@dataclass
class Scored:
    """An arm under a protocol."""

    given: OracleInput
    network: nn.Module
    inputs: TestInputs
    encoded: EncodedTestSet
    versions: DataVersions


@pytest.fixture(scope="session")
def world(tiny_world: Path) -> Split:
    return datasets.load("synthwalk", tiny_world)


@pytest.fixture(scope="module")
def scored(world: Split, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Scored]:
    """The baseline under a protocol; frame features are made once."""
    work = tmp_path_factory.mktemp("scored")
    versions = DataVersions(world, StepStore(work), work, "cpu")
    card = methods.paper(str(PAPERS / "brief"))
    run = ArmRun(methods.arm("baseline", card))
    last = plan_stages(run, 0, config(str(PAPERS / "brief"), num_ids=world.num_train_ids, data=world.fingerprint))[-1]
    torch.manual_seed(2)
    network = run.arm.build(world.num_train_ids, last.size).eval()
    raw = PlannedData("raw", world.fingerprint)

    def inputs_of(method: nn.Module) -> TestInputs:
        store = versions.store("test", last.size, raw, last.crop, last.resize)
        return test_inputs_of(method, run, last, raw, store, versions, work / "none")

    def made(name: str) -> Scored:
        protocol = protocols.load(name)
        inputs = TestInputs(**{**vars(inputs_of(network)), "scratch": None})
        encoded = encode_under_protocol(network, protocol, inputs)
        given = OracleInput(last, protocol, versions, encoded, lambda: network, lambda method: inputs)
        return Scored(given, network, inputs, encoded, versions)

    return made
