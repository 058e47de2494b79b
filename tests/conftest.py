"""Fixtures that several floors share."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# how long one example takes says nothing: a busy machine is no fault
settings.register_profile("any speed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any speed")
os.environ.setdefault("MPLBACKEND", "Agg")
# What tests leave in memory is no business of the user's own cache folder.
os.environ["REPROID_CACHE"] = tempfile.mkdtemp(prefix="reproid-tests-")
atexit.register(shutil.rmtree, os.environ["REPROID_CACHE"], True)


@pytest.fixture(scope="session")
def official_metadata() -> Path:
    """Folder of the official metadata files, which carry no licence and so are not part of the repository."""
    folder = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("official metadata is absent: it has no licence that would let it be shipped")
    return folder
