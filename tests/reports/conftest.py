"""One recorded experiment that the tests of this floor read and never change."""

import json
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path

import pytest

from reports import build
from reports.store.job import Job
from reports.store.jobs import Across, load_all
from reports.store.read_job import load_job
from reports.store.reader import Reader, open_reader
from runners.tracking.mlflow_writer import Store, open_store
from tests.reports import fake, fake_adfd, fake_choices, fake_cosam, fake_many, fake_tkp, fake_vrstc
from tests.reports.pages.browser import Browser, Page, find

EXPERIMENT = "reid/synthwalk/res50-rgb-single-pass"


Once = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture(autouse=True, scope="package")
def one_picture() -> Iterator[None]:
    """Runs carry a picture that no report reads; one is drawn for all."""
    with fake.one_picture():
        yield


def written(once: Once, name: str, write: Callable[[Store], object]) -> str:
    """URI of a store with what `write` records, for all processes."""
    home = once(name, lambda folder: write(open_store(fake.fresh(folder))))
    return f"sqlite:///{home / 'mlflow.db'}"


@pytest.fixture(scope="session")
def recorded(once: Once) -> str:
    """URI of a store with one finished job: four arms and two controls by three seeds, and the colour row."""
    return written(once, "recorded", fake.write)


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
def tkp_job(once: Once) -> Job:
    """Images against videos: four arms by two seeds."""
    return load_job(open_reader(written(once, "tkp", fake_tkp.write)), fake_tkp.EXPERIMENT)


@pytest.fixture(scope="session")
def cosam_job(once: Once) -> Job:
    """Masks with known truth: three arms and uniform weights by two seeds."""
    return load_job(open_reader(written(once, "cosam", fake_cosam.write)), fake_cosam.EXPERIMENT)


@pytest.fixture(scope="session")
def vrstc_job(once: Once) -> Job:
    """Raw and repaired data: ten arms of two networks by two seeds, and the colour row."""
    return load_job(open_reader(written(once, "vrstc", fake_vrstc.write)), fake_vrstc.EXPERIMENT)


@pytest.fixture(scope="session")
def adfd_job(once: Once) -> Job:
    """Attributes, frame weights and transferred labels with known truth: seven arms by two seeds."""
    return load_job(open_reader(written(once, "adfd", fake_adfd.write)), fake_adfd.EXPERIMENT)


@pytest.fixture(scope="session")
def many(once: Once) -> tuple[str, dict[str, str]]:
    """Two papers, three tables: URI of the store, and its parents by what they are."""

    def write(folder: Path) -> None:
        parents = fake_many.write(open_store(fake.fresh(folder)))
        (folder / "parents.json").write_text(json.dumps(parents))

    home = once("many", write)
    return f"sqlite:///{home / 'mlflow.db'}", json.loads((home / "parents.json").read_text())


@pytest.fixture(scope="session")
def across(many: tuple[str, dict[str, str]]) -> Across:
    return load_all(many[0])


@pytest.fixture(scope="session")
def choices_job(once: Once) -> Job:
    """Every way of feeding at test time: two arms that take any length and one of fixed clips, by two seeds."""
    return load_job(open_reader(written(once, "choices", fake_choices.write)), fake_choices.EXPERIMENT)


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
def reported(request: pytest.FixtureRequest, once: Once) -> Callable[[str], Path]:
    """``reported("job")``: the folder with the report of a job above, built once; ADFD's has slices."""

    @cache
    def folder(name: str) -> Path:
        job: Job = request.getfixturevalue(name)

        def write(home: Path) -> None:
            build.write(job, home / name, ["backpack", "top color"] if name == "adfd_job" else ())

        return once(f"report of {name}", write) / name

    return folder
