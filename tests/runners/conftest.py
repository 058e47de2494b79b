"""A small rendered world and a paper of a few steps, made once."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from datasets import synthwalk
from protocols.cost import measure
from runners.pipeline import examination
from runners.tracking.mlflow_writer import Store, open_store
from runners.workers import number
from tests.narrow import FULL, model, narrowed
from tests.places import PAPERS
from tests.reports import fake

SHIPPED = {
    "runners.pipeline.examination.COST_SECONDS": examination.COST_SECONDS,
    "runners.pipeline.examination.COST_LENGTHS": examination.COST_LENGTHS,
    "runners.workers.number.MOST_BY_DEFAULT": number.MOST_BY_DEFAULT,
    "protocols.cost.measure.bare_trunk": measure.bare_trunk,
    "torchvision.models.get_model": FULL,
}


@pytest.fixture(scope="session")
def tiny_world(once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """SynthWalk's `tiny` preset on disk; nobody changes it."""
    make = partial(synthwalk.render, synthwalk.preset("tiny"), progress=False)
    return once("tiny world", lambda folder: make(folder / "tiny")) / "tiny"


@pytest.fixture(autouse=True, scope="package")
def short_timing() -> Iterator[None]:
    """Latency of networks that learn nothing is nobody's business here; measuring it well has tests of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(examination, "COST_SECONDS", 0.05)
        patch.setattr(examination, "COST_LENGTHS", (2, 8))
        patch.setattr(measure, "bare_trunk", beside)
        yield


def beside(device: torch.device, kind: torch.dtype = torch.float32) -> nn.Module:
    """What networks are timed beside."""
    return model("resnet18", weights=None, num_classes=1).eval().requires_grad_(False).to(device, kind)


@pytest.fixture(autouse=True, scope="package")
def one_process() -> Iterator[None]:
    """Jobs are made in the process of the test, where all of this holds, unless ``--workers`` says otherwise."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(number, "MOST_BY_DEFAULT", 1)
        yield


@pytest.fixture(autouse=True, scope="package")
def one_picture() -> Iterator[None]:
    with fake.one_picture():
        yield


@pytest.fixture(autouse=True, scope="package")
def narrow_trunks() -> Iterator[None]:
    """What runners do with a network does not depend on its width; `tests/methods` have the full ones."""
    with narrowed():
        yield


@pytest.fixture
def as_shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks are as wide and timed as long as in processes that a test starts, where nothing here holds."""
    for name, value in SHIPPED.items():
        monkeypatch.setattr(name, value)


@pytest.fixture
def brief() -> Path:
    """Folder of a paper whose stages take seconds."""
    return PAPERS / "brief"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(fake.fresh(tmp_path / "store"))
