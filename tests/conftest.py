"""Fixtures that several floors share."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

from tests.places import HOUSE

# how long one example takes says nothing: a busy machine is no fault
settings.register_profile("any speed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any speed")
os.environ.setdefault("MPLBACKEND", "Agg")
# What tests leave in memory is no business of the user's own cache folder.
os.environ["REPROID_CACHE"] = tempfile.mkdtemp(prefix="reproid-tests-")
atexit.register(shutil.rmtree, os.environ["REPROID_CACHE"], True)


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """``once("name", make)``: a folder that `make` filled, made by one of all processes; nobody changes it after."""
    base = tmp_path_factory.getbasetemp()
    root = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def folder(name: str, make: Callable[[Path], object]) -> Path:
        home = root / "once" / name
        home.parent.mkdir(exist_ok=True)
        with FileLock(root / "once" / f"{name}.lock"):
            if not (home / ".made").exists():
                shutil.rmtree(home, ignore_errors=True)
                home.mkdir()
                make(home)
                (home / ".made").touch()
        return home

    return folder


@pytest.fixture(scope="session")
def official_metadata() -> Path:
    """Folder of the official metadata files, which carry no licence and so are not part of the repository."""
    folder = HOUSE.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("official metadata is absent: it has no licence that would let it be shipped")
    return folder
