"""A project's folder that is renamed or copied keeps its recorded runs, and nothing is written in the old place."""

import os
import shutil
from pathlib import Path

import pytest

from reports.errors import ReportError
from reports.store.read_job import load_job
from reports.store.reader import open_reader
from runners.tracking.mlflow_writer import open_store
from tests.reports import fake
from tests.reports.conftest import EXPERIMENT
from tests.runners import recorded
from tests.runners.pipeline.killing import no_pictures


def seeds(folder: Path) -> tuple[int, ...]:
    return load_job(open_reader(f"sqlite:///{folder / 'mlflow.db'}"), EXPERIMENT).groups[0].seeds


def go_on(folder: Path, *numbers: int) -> None:
    store = open_store(f"sqlite:///{folder / 'mlflow.db'}")
    with no_pictures():
        parent = recorded.begin(store)
        for seed in numbers:
            recorded.record(store, parent, seed)
        store.finish(parent, {})
        page = folder / "index.html"
        page.write_text("<p>page</p>")
        store.attach_report(parent, {"claims": []}, page)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    fake.fresh(tmp_path / "project")
    go_on(tmp_path / "project", 0)
    return tmp_path / "project"


def test_a_renamed_project_is_read_and_gone_on_with(project: Path) -> None:
    renamed = project.rename(project.with_name("renamed"))
    assert seeds(renamed) == (0,)
    go_on(renamed, 0, 1)
    assert seeds(renamed) == (0, 1)
    assert not project.exists()
    assert {path.name for path in (renamed / "mlartifacts").glob("*/artifacts/*.json")} >= {"card.json", "result.json"}


def test_a_copy_and_its_original_each_have_their_own(project: Path) -> None:
    copy = Path(shutil.copytree(project, project.with_name("copy")))
    before = {path: path.stat().st_mtime_ns for path in project.rglob("*") if path.is_file()}
    go_on(copy, 0, 1)
    assert seeds(copy) == (0, 1)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert {path for path in project.rglob("*") if path.is_file()} - set(before) == set()
    for path in (copy / "mlartifacts").glob("*/artifacts/result.json"):
        path.unlink()
    with pytest.raises(ReportError, match=rf"lacks the artifact result.json at {copy}"):
        seeds(copy)
    assert seeds(project) == (0,)
    go_on(copy, 0, 1)  # as the sentence says
    assert seeds(copy) == (0, 1)


def test_a_database_that_was_moved_alone_says_what_is_missing_where(project: Path) -> None:
    alone = project.with_name("alone")
    alone.mkdir()
    for path in project.glob("mlflow.db*"):
        path.rename(alone / path.name)
    with pytest.raises(ReportError, match=rf"card.json at {alone / 'mlartifacts'}.*runners.reproduce"):
        seeds(alone)
    go_on(alone, 0)
    assert seeds(alone) == (0,)


@pytest.mark.skipif(os.name == "nt", reason="names of other bytes are POSIX's")
@pytest.mark.parametrize("name", ["feature%2Fnew?b#c d", os.fsdecode(b"caf\xe9")])
def test_a_new_store_in_a_folder_of_an_odd_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / name
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert open_store().uri == f"sqlite:///{folder / 'mlflow.db'}"
    go_on(folder, 0)
    assert seeds(folder) == (0,)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert {path.name.split("-")[0] for path in folder.iterdir()} == {
        "index.html", "mlartifacts", "mlflow.db", "mlflow.db.lock",
    }  # fmt: skip
