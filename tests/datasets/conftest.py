"""Fixtures of the data floor."""

from pathlib import Path

import pytest
from hypothesis import settings

from tests.datasets import mars_folder

settings.register_profile("datasets", settings.get_profile("any speed"), derandomize=True, max_examples=60)


@pytest.fixture
def mars_root(tmp_path: Path) -> Path:
    """A small, complete data set in the MARS layout."""
    return mars_folder.write(tmp_path / "mars")
