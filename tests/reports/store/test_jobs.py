"""Many jobs read at once: which count, which do not and why, and that a server is read as a file is."""

import json
from pathlib import Path
from typing import Any

import pytest

from reports.errors import NothingToReport, ReportError
from reports.store.jobs import Across, load_all
from runners.tracking.mlflow_writer import open_store
from tests.reports import fake, fake_many


def _small(store: Any, **changes: Any) -> str:
    return fake_many.job(
        store,
        "alpha",
        {("mean", None, None): 0.0},
        seeds={"mean": (0,)},
        **changes,
    )


def test_finished_jobs_of_each_kind_count_and_the_unfinished_one_is_named(
    many: tuple[str, dict[str, str]], across: Across
) -> None:
    uri, parents = many
    counted = {job.parent_id for job in across.jobs}
    assert counted == {parent for what, parent in parents.items() if "unfinished" not in what}
    (left,) = across.left_out
    assert (left.kind, left.paper, left.parent_id) == ("unfinished", "beta", parents["beta, unfinished"])
    assert across.counts() == {"unfinished": 1}
    assert across.uri == uri


def test_runs_are_counted_by_hand(across: Across) -> None:
    alpha, beta, snippets, quick = 5 * 2 + 1, 2 * 2 + 1, 2 + 1, 2 + 1
    assert across.runs == alpha + beta + snippets + quick


def test_the_later_of_two_jobs_of_a_kind_counts_and_the_earlier_is_superseded(uri: str) -> None:
    store = open_store(uri)
    earlier = _small(store, dataset=fake.DATASET | {"fingerprint": "f" * 32})
    later = _small(store)
    across = load_all(uri)
    assert [job.parent_id for job in across.jobs] == [later]
    (left,) = across.left_out
    assert (left.kind, left.parent_id) == ("superseded", earlier)
    assert later[:8] in left.why


def test_a_plain_job_counts_before_a_later_variant_which_is_named_and_shown_when_asked_for(uri: str) -> None:
    store = open_store(uri)
    plain, variant = _small(store), _small(store, changes={"pretrained": "none"})
    across = load_all(uri)
    assert [job.parent_id for job in across.jobs] == [plain]
    (left,) = across.left_out
    assert (left.kind, left.parent_id) == ("variant", variant)
    assert all(words in left.why for words in ("pretrained none", plain[:8], "--parent"))
    asked = load_all(uri, parents=[variant, plain])
    assert [(job.parent_id, dict(job.changes)) for job in asked.jobs] == [
        (plain, {}), (variant, {"pretrained": "none"}),
    ]  # fmt: skip


def test_without_a_plain_job_the_latest_variant_counts_and_another_one_is_named(uri: str) -> None:
    store = open_store(uri)
    first, _, second = (_small(store, changes={"precision": one}) for one in ("bf16", "fp16", "bf16"))
    assert first == second  # one job, started again
    later = _small(store, changes={"size": "128x64"})
    across = load_all(uri)
    assert [job.parent_id for job in across.jobs] == [later]
    assert across.counts() == {"variant": 2}
    assert all("and another one (size 128x64) counts" in left.why for left in across.left_out)
    _small(store, finish=False)  # a plain job that has not finished counts for nothing, as everywhere
    assert [job.parent_id for job in load_all(uri).jobs] == [later]


def test_a_job_of_another_schema_is_left_out_by_name(uri: str) -> None:
    store = open_store(uri)
    foreign, own = _small(store, budget="quick"), _small(store)
    store.client.set_tag(foreign, "reproid.schema", "99")
    across = load_all(uri)
    assert [job.parent_id for job in across.jobs] == [own]
    assert across.counts() == {"other schema": 1}
    assert "schema 99" in across.left_out[0].why


def test_a_job_that_lacks_an_artifact_is_left_out_with_the_sentence_and_refused_when_asked_for(uri: str) -> None:
    store = open_store(uri)
    broken, own = _small(store, budget="quick"), _small(store)
    (child,) = store.children(broken)
    file = Path(child.info.artifact_uri.removeprefix("file://")) / "per_query.npz"
    file.unlink()
    across = load_all(uri)
    assert [job.parent_id for job in across.jobs] == [own]
    assert across.counts() == {"incomplete": 1}
    assert "per_query.npz" in across.left_out[0].why
    with pytest.raises(ReportError, match=r"per_query\.npz"):
        load_all(uri, parents=[broken])


def test_runs_that_were_recorded_again_are_counted_as_superseded(uri: str) -> None:
    store = open_store(uri)
    parent = _small(store)
    arrays = fake.per_query(0.3, 0, "again")
    again = fake.result("mean", None, None, 0, arrays) | {
        "paper": "alpha", "fingerprint": "another", "budget": "full", "command": "again",
    }  # fmt: skip
    store.record_arm(parent, again, arrays, None, [])
    across = load_all(uri)
    assert across.counts() == {"superseded runs": 1}
    assert across.runs == 1
    assert across.jobs[0].by_name["mean"].runs[0].result["fingerprint"] == "another"


def test_parents_papers_and_experiments_narrow_what_is_read(many: tuple[str, dict[str, str]]) -> None:
    uri, parents = many
    one = load_all(uri, parents=[parents["beta, unfinished"][:12]])
    assert [job.finished for job in one.jobs] == [False]
    assert one.chosen
    assert load_all(uri, papers=["beta"]).papers == ("beta",)
    snippets = load_all(uri, experiments=["reid/synthwalk/rgb-snippets"])
    assert [job.parent_id for job in snippets.jobs] == [parents["alpha in snippets"]]


def test_unknown_names_are_answered_with_near_matches(many: tuple[str, dict[str, str]]) -> None:
    uri, parents = many
    with pytest.raises(ReportError, match="did you mean reid/synthwalk/rgb-snippets"):
        load_all(uri, experiments=["reid/synthwalk/rgb-snipets"])
    with pytest.raises(ReportError, match=r"paper 'alfa' is not recorded; did you mean alpha"):
        load_all(uri, papers=["alfa"])
    wrong = parents["alpha"][:-1] + ("0" if parents["alpha"][-1] != "0" else "1")
    with pytest.raises(ReportError, match=parents["alpha"]):
        load_all(uri, parents=[wrong])


def test_an_empty_store_and_one_with_unfinished_jobs_only_have_nothing_to_report(uri: str) -> None:
    store = open_store(uri)
    with pytest.raises(NothingToReport, match=r"holds no job yet; run"):
        load_all(uri)
    _small(store, finish=False)
    with pytest.raises(NothingToReport, match=r"1 unfinished.*alpha"):
        load_all(uri)


def test_artifacts_that_have_to_be_fetched_read_like_those_that_lie_here(
    many: tuple[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    uri, parents = many
    here = load_all(uri, parents=[parents["beta"]])
    monkeypatch.setattr("reports.store.reader.artifact_folder", lambda *_: None)
    fetched = load_all(uri, parents=[parents["beta"]])
    for one, other in zip(here.jobs[0].groups, fetched.jobs[0].groups, strict=True):
        assert json.dumps(one.first, sort_keys=True) == json.dumps(other.first, sort_keys=True)
        assert (one.values("mAP") == other.values("mAP")).all()


def test_progress_is_told_of_every_job(many: tuple[str, dict[str, str]]) -> None:
    told: list[tuple[int, int]] = []
    load_all(many[0], progress=lambda done, total, _: told.append((done, total)))
    assert told == [(place, 4) for place in range(5)]


def test_a_damaged_tag_of_controls_that_were_left_out_is_refused_in_one_sentence(uri: str) -> None:
    store = open_store(uri)
    parent = _small(store)
    store.name_left_out(parent, {"mean+shuffled": "why"})
    store.name_left_out(parent, {"alpha+shuffled": "as well"})
    store.name_left_out(parent, {})
    (job,) = load_all(uri).jobs
    assert job.controls_left_out == {"mean+shuffled": "why", "alpha+shuffled": "as well"}
    for damaged in ("[1]", "{", '{"a": 1}'):
        store.client.set_tag(parent, "controls_left_out", damaged)
        (job,) = load_all(uri).jobs
        with pytest.raises(ReportError, match=rf"controls_left_out of run {parent}.*delete the tag"):
            dict(job.controls_left_out)
