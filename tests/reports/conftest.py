"""One recorded experiment that the tests of this floor read and never change."""

from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path

import pytest

from reports import build
from reports.across import Across, load_all
from reports.job import Job
from reports.job_reading import load_job
from reports.store import Reader, open_reader
from runners.tracking import open_store
from tests.reports import fake, fake_adfd, fake_choices, fake_cosam, fake_many, fake_tkp, fake_vrstc
from tests.reports.browser import Browser, Page, find

EXPERIMENT = "reid/synthwalk/res50-rgb-single-pass"


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> str:
    """URI of a store with one finished job: four arms and two controls by three seeds, and the colour row."""
    uri = fake.fresh(tmp_path_factory.mktemp("recorded"))
    fake.write(open_store(uri))
    return uri


@pytest.fixture(scope="session")
def reader(recorded: str) -> Reader:
    return open_reader(recorded)


@pytest.fixture(scope="session")
def job(reader: Reader) -> Job:
    return load_job(reader, EXPERIMENT)


@pytest.fixture
def uri(tmp_path: Path) -> str:
    """URI of an empty store of the test's own."""
    return fake.fresh(tmp_path / "store")


@pytest.fixture(scope="session")
def tkp_job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """Images against videos: four arms by two seeds."""
    uri = fake.fresh(tmp_path_factory.mktemp("tkp"))
    fake_tkp.write(open_store(uri))
    return load_job(open_reader(uri), fake_tkp.EXPERIMENT)


@pytest.fixture(scope="session")
def cosam_job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """Masks with known truth: three arms and uniform weights by two seeds."""
    uri = fake.fresh(tmp_path_factory.mktemp("cosam"))
    fake_cosam.write(open_store(uri))
    return load_job(open_reader(uri), fake_cosam.EXPERIMENT)


@pytest.fixture(scope="session")
def vrstc_job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """Raw and repaired data: ten arms of two networks by two seeds, and the colour row."""
    uri = fake.fresh(tmp_path_factory.mktemp("vrstc"))
    fake_vrstc.write(open_store(uri))
    return load_job(open_reader(uri), fake_vrstc.EXPERIMENT)


@pytest.fixture(scope="session")
def adfd_job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """Attributes, frame weights and transferred labels with known truth: seven arms by two seeds."""
    uri = fake.fresh(tmp_path_factory.mktemp("adfd"))
    fake_adfd.write(open_store(uri))
    return load_job(open_reader(uri), fake_adfd.EXPERIMENT)


@pytest.fixture(scope="session")
def many(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, str]]:
    """Two papers, three tables: URI of the store, and its parents by what they are."""
    uri = fake.fresh(tmp_path_factory.mktemp("many"))
    return uri, fake_many.write(open_store(uri))


@pytest.fixture(scope="session")
def across(many: tuple[str, dict[str, str]]) -> Across:
    return load_all(many[0])


@pytest.fixture(scope="session")
def choices_job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """Every way of feeding at test time: two arms that take any length and one of fixed clips, by two seeds."""
    uri = fake.fresh(tmp_path_factory.mktemp("choices"))
    fake_choices.write(open_store(uri))
    return load_job(open_reader(uri), fake_choices.EXPERIMENT)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One headless Chromium for all tests; they are skipped where there is none."""
    binary = find()
    if binary is None:
        pytest.skip("no Chromium on this machine; Debian has it as the package chromium")
    running = Browser(binary, tmp_path_factory.mktemp("chromium"))
    yield running
    running.close()


@pytest.fixture
def open_page(browser: Browser) -> Callable[..., Page]:
    """``open_page(path, width=1280, dark=False, script=True)`` shows a file; the next one takes its place."""
    return partial(Page, browser)


@pytest.fixture(scope="session")
def reported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """``reported("job")``: the folder with the report of a job above, built once; ADFD's has slices."""

    @cache
    def folder(name: str) -> Path:
        job: Job = request.getfixturevalue(name)
        out = tmp_path_factory.mktemp("report") / name
        build.write(job, out, ["backpack", "top color"] if name == "adfd_job" else ())
        return out

    return folder
