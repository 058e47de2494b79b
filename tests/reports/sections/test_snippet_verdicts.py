"""The critique of snippets on a fake job whose losses are known: on short tracklets, on long ones, and nowhere else."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from protocols.statistics import paired_difference
from reports.records.test_time import Choices
from reports.sections.test_time.snippet_verdicts import critique, in_words, snippet_lengths, span, table, verdicts
from reports.store.arm import ArmRun, Group
from reports.store.job import Job
from reports.store.read_job import load_job
from reports.store.reader import open_reader
from runners.tracking.mlflow_writer import open_store
from tests.reports import fake, fake_choices

LENGTHS = (2, 4, 8, 16, 32)


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    uri = fake.fresh(tmp_path_factory.mktemp("choices"))
    fake_choices.write(open_store(uri), seeds=1)
    return load_job(open_reader(uri), fake_choices.EXPERIMENT)


def group(*, name: str = "gltr", seeds: int = 2, change: object = None) -> Group:
    """An arm as it would be read, without a store."""
    runs = []
    for seed in range(seeds):
        arrays = fake_choices.per_query(name, seed)
        found = fake_choices.choices(name, seed)
        if change is not None:
            found = change(found)
        runs.append(ArmRun(f"run{seed}", fake_choices.result(name, seed, arrays), arrays, {}, {"test_time": found}))
    return Group(name, tuple(runs))


def test_what_is_lost_is_found_where_it_is_lost() -> None:
    findings = {(one.n, one.whose, one.which): one for one in critique(group())}
    assert len(findings) == 5 * 2 * 3
    for n in (8, 16, 32):
        short = findings[n, "query", "short"]
        # The fake takes 12 points, or all there is where there is less.
        assert 8 < short.losses["mAP"].interval.mean <= fake_choices.SHORT
        assert short.verdict == "holds"
        assert short.losses["mAP"].beyond.low > 0
        assert f"queries of fewer than {n} frames, snippets of {n} lose" in short.sentence
        middling = findings[n, "query", "middling"]
        assert middling.losses["mAP"].interval.mean == 0
        assert middling.verdict == "does not hold"
        assert middling.losses["mAP"].beyond is None
        assert short.losses["rank1"].verdict == "does not hold"  # the fake leaves the first hit alone
    for n in (2, 4, 8, 16):
        long = findings[n, "query", "long"]
        assert 3 < long.losses["mAP"].interval.mean <= fake_choices.LONG
        assert long.verdict == "holds"
        assert findings[n, "gallery", "long"].verdict == "holds"
    assert findings[16, "gallery", "short"].verdict == "holds"
    assert findings[16, "gallery", "middling"].verdict == "does not hold"


def test_a_query_is_short_middling_or_long_and_numbers_are_paired_differences() -> None:
    one = group(seeds=2)
    found = [run.records["test_time"] for run in one.runs]
    length, valid, person = (np.asarray(found[0].arrays[key]) for key in ("length", "valid", "person"))
    for n in LENGTHS:
        parts = [finding for finding in critique(one) if finding.n == n and finding.whose == "query"]
        assert sum(finding.values for finding in parts) == valid.sum()
    keep = (length < 16) & valid
    whole, snippets = (
        np.stack([np.asarray(each.arrays[f"{name}/average_precision"], float)[keep] for each in found])
        for name in ("whole", "snippets-16")
    )
    expected = paired_difference(whole, snippets, person[keep])
    short = next(one for one in critique(one) if (one.n, one.whose, one.which) == (16, "query", "short"))
    assert short.losses["mAP"].interval == expected
    assert short.values == keep.sum()
    assert short.people == len(np.unique(person[keep]))


def test_by_right_answers_every_slice_counts_once() -> None:
    one = group(seeds=1)
    found = one.runs[0].records["test_time"]
    for n in LENGTHS:
        parts = [finding.values for finding in critique(one) if finding.n == n and finding.whose == "gallery"]
        assert sum(parts) == sum(int(found.valid(each["name"]).sum()) for each in found.bins)


def test_n_and_four_n_are_edges() -> None:
    for n in LENGTHS:
        assert span(n, "short")[1] + 1 == span(n, "middling")[0] == n
        assert span(n, "middling")[1] + 1 == span(n, "long")[0] == 4 * n
    assert in_words(8, "middling") == "8 to 31 frames"


def test_a_loss_at_every_length_is_no_matter_of_length() -> None:
    def everywhere(found: Choices) -> Choices:
        arrays = dict(found.arrays)
        for key in arrays:
            if key.startswith("snippets-8/") and key.endswith("average_precision"):
                whole = arrays[key.replace("snippets-8", "whole")]
                arrays[key] = np.maximum(whole - 5.0, 0.0)
        return replace(found, arrays=arrays)

    findings = {(one.which, one.whose): one for one in critique(group(change=everywhere)) if one.n == 8}
    for which in ("short", "long"):
        one = findings[which, "query"]
        assert one.verdict == "holds"
        assert one.losses["mAP"].beyond.low < 0 < one.losses["mAP"].beyond.high
        assert "not separably other than on middling ones" in one.sentence
    assert findings["middling", "query"].verdict == "holds"


def test_without_such_tracklets_nothing_can_be_told() -> None:
    def short_only(found: Choices) -> Choices:
        return replace(found, arrays={**found.arrays, "length": np.full(len(found.arrays["length"]), 5)})

    findings = {(one.n, one.whose, one.which): one for one in critique(group(change=short_only))}
    long = findings[8, "query", "long"]
    assert (long.values, long.verdict, long.losses["mAP"].interval) == (0, "cannot tell", None)
    assert "there are none" in long.sentence
    assert "no such tracklets at N = 2 and 4" in verdicts(tuple(findings.values()))[0]
    assert findings[8, "query", "short"].losses["mAP"].beyond is None  # nothing middling to compare with

    def one_person(found: Choices) -> Choices:
        return replace(found, arrays={**found.arrays, "person": np.ones(len(found.arrays["person"]), int)})

    alone = critique(group(change=one_person))
    assert {one.verdict for one in alone} == {"cannot tell"}
    assert any("all of them show one person" in one.sentence for one in alone)


def test_arms_that_cannot_take_a_whole_sequence_are_no_witnesses(job: Job) -> None:
    assert critique(job.by_name["fixed"]) == ()
    assert snippet_lengths(job.by_name["gltr"].runs[0].records["test_time"]) == LENGTHS


def test_the_table_says_it_all_in_plain_words(job: Job) -> None:
    found = table(job)
    assert len(found.rows) == 2 * 5 * 2 * 3
    assert set(found.column("arm")) == {"ResNet-50, mean over frames", "GLTR"}
    assert set(found.column("verdict")) <= {"holds", "does not hold", "cannot tell"}
    for sentence in found.column("sentence"):
        assert sentence.endswith(".")
        assert "nan" not in sentence
    assert any("fewer than N frames" in note for note in found.notes)
    said = verdicts(critique(job.by_name["gltr"]))
    assert len(said) == 4
    assert said[0].startswith("Too short, by the length of the query: holds at N = ")
    assert "16" in said[0]
    assert said[2].startswith("Too long, by the length of the query: holds at N = 2, 4, 8, 16")


def test_a_job_without_choices_has_nothing_to_say(tmp_path: Path) -> None:
    uri = fake.fresh(tmp_path / "plain")
    fake.write(open_store(uri), seeds=1, effects={("gltr", None, None): 0.5})
    plain = load_job(open_reader(uri), "reid/synthwalk/res50-rgb-single-pass")
    assert table(plain).rows == ()
