"""A small rendered world and a paper of a few steps, made once."""

from pathlib import Path

import pytest

from datasets import synthwalk


@pytest.fixture(scope="session")
def tiny_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SynthWalk's `tiny` preset on disk."""
    root = tmp_path_factory.mktemp("data") / "tiny"
    return synthwalk.render(synthwalk.preset("tiny"), root, progress=False)


@pytest.fixture
def brief() -> Path:
    """Folder of a paper whose stages take seconds."""
    return Path(__file__).parent / "brief"
