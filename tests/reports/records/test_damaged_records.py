"""Recorded files that are damaged, empty or of another form end in one sentence that names the run and the file."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reports.errors import NothingToReport, ReportError
from reports.records.result import ResultRecord, Strips
from reports.schema.json_form import check_form
from reports.store.jobs import load_all
from reports.store.read_job import load_job
from reports.store.reader import open_reader
from runners.tracking.cost import track
from runners.tracking.mlflow_writer import open_store
from tests.reports import fake, fake_cost
from tests.reports.conftest import EXPERIMENT
from tests.runners import recorded
from tests.runners.pipeline.killing import no_pictures

ARMS = {("baseline", None, None): 0.0, ("tsa", None, None): 0.1}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> str:
    """URI of a store with two arms of one seed."""
    uri = fake.fresh(tmp_path_factory.mktemp("small"))
    with no_pictures():
        fake.write(open_store(uri), seeds=1, effects=ARMS)
    return uri


@pytest.fixture
def store(small: str) -> Iterator[str]:
    """The same, to be damaged; its artifacts are whole again afterwards."""
    home = Path(small.removeprefix("sqlite:///")).parent / "mlartifacts"
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    yield small
    for path, content in before.items():
        path.write_bytes(content)


def artifacts(uri: str, arm: str = "tsa s0") -> Path:
    reader = open_reader(uri)
    job = reader.parent(EXPERIMENT)
    return reader.folder(next(run for run in reader.children(job) if run.info.run_name == arm))


DAMAGED: list[tuple[str, bytes]] = [
    ("result.json", b"{}"),
    ("result.json", b""),
    ("result.json", b"[1, 2]"),
    ("result.json", b"null"),
    ("result.json", b'{"schema": 1, "arm": "tsa"'),
    ("result.json", b"[" * 10_000),
    ("result.json", b"\xff\xfe"),
    ("per_query.npz", b""),
    ("per_query.npz", b"PK\x05\x06" + b"\0" * 18),
    ("per_query.npz", b"no archive"),
    ("strips.json", b"[]"),
    ("strips.json", b'{"size": [1, 2], "rows": [null]}'),
]


@pytest.mark.parametrize(("name", "content"), DAMAGED)
def test_a_damaged_artifact_names_run_file_and_remedy(store: str, name: str, content: bytes) -> None:
    folder = artifacts(store)
    (folder / name).write_bytes(content)
    run = folder.parent.name
    with pytest.raises(ReportError, match=rf"(?s){name}.*{run}|{run}.*{name}") as raised:
        load_job(open_reader(store), EXPERIMENT)
    assert fake.COMMAND in str(raised.value)


def without(*path: str | int) -> Callable[[Any], Any]:
    def change(value: Any) -> Any:
        inner = value
        for key in path[:-1]:
            inner = inner[key]
        del inner[path[-1]]
        return value

    return change


def put(what: Any, *path: Any) -> Callable[[Any], Any]:
    def change(value: Any) -> Any:
        inner = value
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = what
        return value

    return change


CHANGES: list[tuple[str, Callable[[Any], Any]]] = [
    (r"protocol is null", put(None, "protocol")),
    (r"protocol lacks ap", without("protocol", "ap")),
    (r"lacks metrics\.mAP", put({}, "metrics")),
    (r"metrics is a list", put([], "metrics")),
    (r"metrics is a text", put("mAP rank1", "metrics")),
    (r"conventions\[1\] lacks ap", without("conventions", 1, "ap")),
    (r"conventions is an object", put({}, "conventions")),
    (r"stages\[0\] is null", put([None], "stages")),
    (r"admission\.checks\[2\]\.passed is 'yes'", put("yes", "admission", "checks", 2, "passed")),
    (r"seed is '1'", put("1", "seed")),
    (r"size\[0\] is 64\.5", put(64.5, "size", 0)),
    (r"intervals\.mAP is a number", put(3, "intervals", "mAP")),
    (r"control", put(["shuffled"], "control")),
    (r"cost\.gmacs_per_tracklet is a list", put([1], "cost", "gmacs_per_tracklet")),
]


@pytest.mark.parametrize(("words", "change"), CHANGES)
def test_a_record_of_another_form_names_the_place(store: str, words: str, change: Callable[[Any], Any]) -> None:
    file = artifacts(store) / "result.json"
    file.write_text(json.dumps(change(json.loads(file.read_text()))))
    with pytest.raises(ReportError, match=words) as raised:
        load_job(open_reader(store), EXPERIMENT)
    assert file.parent.parent.name in str(raised.value)
    assert "result.json" in str(raised.value)


CARDS = [b"{}", b"[]", b'{"published": [{"arm": "a", "dataset": "b", "metric": "c", "value": null}]}',
         b'{"arms": 3}', b'{"arms": [{}]}', b'{"claims": [null]}',
         b'{"published": [{"value": "x"}]}']  # fmt: skip
LACKING = [("paper", "title"), ("published", 0, "arm"), ("context", 0, "method")]


@pytest.mark.parametrize("content", CARDS)
def test_a_card_of_another_form_is_named(store: str, content: bytes) -> None:
    reader = open_reader(store)
    job = reader.parent(EXPERIMENT)
    (reader.folder(job) / "card.json").write_bytes(content)
    with pytest.raises(ReportError, match=rf"card.json.*{job.info.run_id}"):
        load_job(open_reader(store), EXPERIMENT)


@pytest.mark.parametrize("path", LACKING)
def test_a_card_that_lacks_what_the_page_shows_is_named(store: str, path: tuple[Any, ...]) -> None:
    context = {"method": "ASTPN", "dataset": "mars", "metric": "rank1", "value": 44.0}
    reader = open_reader(store)
    job = reader.parent(EXPERIMENT)
    card = without(*path)({**fake.card(), "context": [context]})
    (reader.folder(job) / "card.json").write_text(json.dumps(card))
    with pytest.raises(ReportError, match=rf"card.json of run {job.info.run_id} .* lacks {path[-1]}; "):
        load_job(open_reader(store), EXPERIMENT)


def test_what_was_recorded_has_the_form_it_states(store: str) -> None:
    folder = artifacts(store)
    result = json.loads((folder / "result.json").read_text())
    check_form(result, ResultRecord, "it", "no remedy")
    check_form(json.loads((folder / "strips.json").read_text()), Strips, "it", "no remedy")
    check_form(result | {"something": "new"}, ResultRecord, "it", "no remedy")
    check_form(result | {"cost": {"params_m": None}}, ResultRecord, "it", "no remedy")


def test_numpy_numbers_have_the_form_that_they_are_written_in(store: str) -> None:
    result = json.loads((artifacts(store) / "result.json").read_text())
    written = {"seed": np.int64(3), "size": np.array([64, 32]), "metrics": {"mAP": np.float32(3)}}
    check_form(result | written, ResultRecord, "it")
    with pytest.raises(ReportError, match=r"seed is .*expected a whole number"):
        check_form(result | {"seed": np.float32(3.5)}, ResultRecord, "it")


def test_of_many_jobs_a_damaged_one_is_counted_and_shown(uri: str) -> None:
    store = open_store(uri)
    with no_pictures():
        fake.write(store, seeds=1, effects=ARMS)
        quick = store.begin(
            fake.card(), fake.DATASET, fake.PROTOCOL, "embedded", fake.COMMAND, fake.ENVIRONMENT, budget="quick"
        )
        recorded.record(store, quick, budget="quick")
        store.finish(quick, {})
    assert len(load_all(uri).jobs) == 2
    reader = open_reader(uri)
    (lost,) = reader.children(reader.client.get_run(quick))
    (reader.folder(lost) / "per_query.npz").unlink()
    after = load_all(uri)
    assert len(after.jobs) == 1
    (told,) = after.left_out
    assert (told.kind, told.parent_id) == ("incomplete", quick)
    assert lost.info.run_id in told.why
    assert "per_query.npz" in told.why
    assert after.counts() == {"incomplete": 1}


def test_a_damaged_cost_record_is_left_out_of_the_page_which_says_so(store: str) -> None:
    (made, *_) = track(fake_cost.record(), store)
    job = load_job(open_reader(store), EXPERIMENT)
    assert job.cost is not None
    reader = open_reader(store)
    (reader.folder(reader.client.get_run(made)) / "cost.json").write_text('{"arms": null}')
    job = load_job(open_reader(store), EXPERIMENT)
    assert job.cost is None
    assert any("cost" in one and made in one for one in job.left_out)


def test_a_measurement_that_was_cut_off_while_it_was_recorded_does_not_count(store: str) -> None:
    first = track(fake_cost.record() | {"measured": "2027-01-01T00:00:00"}, store)
    cut = track(fake_cost.record() | {"measured": "2027-02-01T00:00:00"}, store)
    client = open_reader(store).client
    assert len(first) > 1
    client.update_run(cut[-1], status="RUNNING")
    job = load_job(open_reader(store), EXPERIMENT)
    assert job.cost is not None
    assert len(job.cost.arms) == len(first)
    again = track(fake_cost.record() | {"measured": "2027-03-01T00:00:00"}, store)
    assert client.get_run(cut[-1]).info.lifecycle_stage == "deleted"
    assert len(again) == len(first)


def test_an_empty_store_holds_nothing_to_report(uri: str) -> None:
    with pytest.raises(NothingToReport, match="holds no job yet"):
        load_all(uri)
