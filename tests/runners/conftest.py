"""A small rendered world and a paper of a few steps, made once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from datasets import synthwalk
from runners import job
from runners.tracking import Store, open_store
from tests.reports import fake


@pytest.fixture(scope="session")
def tiny_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SynthWalk's `tiny` preset on disk."""
    root = tmp_path_factory.mktemp("data") / "tiny"
    return synthwalk.render(synthwalk.preset("tiny"), root, progress=False)


@pytest.fixture(autouse=True, scope="session")
def short_timing() -> Iterator[None]:
    """Latency of networks that learn nothing is nobody's business here; measuring it well has tests of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job, "COST_SECONDS", 0.05)
        patch.setattr(job, "COST_LENGTHS", (2, 8))
        yield


@pytest.fixture
def brief() -> Path:
    """Folder of a paper whose stages take seconds."""
    return Path(__file__).parent / "brief"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(fake.fresh(tmp_path / "store"))
