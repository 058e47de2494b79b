"""Weights of frames: checked when read, pooled over seeds, judged against a plain mean, told in words and pictures."""

import csv
import dataclasses
import html
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reports
from protocols.statistics import clustered_bootstrap
from reports.errors import ReportError
from reports.ledger.ledger import build_ledger
from reports.page import paper_page
from reports.records.frame_weights import KIND, Weights
from reports.render.table import Estimate
from reports.sections.frame_weights import tables
from reports.store.arm import ArmRun, Group
from reports.store.job import Job
from reports.store.read_job import load_job
from reports.store.reader import open_reader
from runners.tracking.mlflow_writer import open_store
from tests.reports import fake, fake_adfd
from tests.reports.pages.test_page import Structure


def test_a_true_record_passes() -> None:
    for arm in ("c", "adfd", "ta"):
        told = fake_adfd.weights(arm, 0)
        KIND.verify(json.loads(json.dumps(told.record)), told.arrays, "the weights")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("what",), ..., "it lacks what"),
        (("tracklets",), 119, r"one value for each of 119 tracklets"),
        (("people",), 41, r"counts 41 people, but weights\.npz has 40"),
        (("maps",), [], "at least one"),
        (("maps", 1, "name"), "frames", "each once"),
        (("maps", 1, "name"), "frames/", r"the map 'frames/'"),
        (("maps", 1, "name"), "cosam5", r"the map 'cosam5'; expected frames or frames/<group>"),
        (("maps", 1, "name"), "frames/hat", "the array of frames/hat/correlation"),
        (("maps", 0, "measures", "gain"), ..., "expected correlation, gain"),
        (("maps", 0, "measures", "gain", "people"), ..., r"maps\[0\]\.measures\.gain lacks people"),
        (
            ("maps", 0, "measures", "correlation", "tracklets"),
            120,
            "counts 120 tracklets of 40 people .* has 100 of 40",
        ),
        (("maps", 0, "measures", "correlation", "mean"), 0.1, r"is 0\.1, but its array averages to 0\.5"),
        (("maps", 0, "measures", "gain", "high"), float("nan"), "finite"),
        (("pictures", "rows", 0, "frames", 1), "https://example.org/x.png", "no data URI"),
        (("pictures", "rows", 0, "visible"), [0.5], "not one for each frame"),
        (("pictures", "rows", 0, "numbers"), [1, 2], "not one for each frame"),
        (("pictures", "rows", 0, "visible", 0), 1.5, "not from 0 to 1"),
        (("pictures", "rows", 0, "weights", "frames", 0), 0.9, "expected weights of one of frames"),
        (("pictures", "rows", 1, "key"), ..., r"pictures\.rows\[1\] lacks key"),
    ],
)
def test_a_damaged_record_is_refused_with_one_sentence(path: tuple[Any, ...], value: Any, message: str) -> None:
    told = fake_adfd.weights("adfd", 0)
    plain = damaged(told.record, path, value)
    with pytest.raises(ReportError, match=message) as caught:
        KIND.verify(plain, told.arrays, "the weights")
    assert "\n" not in str(caught.value)


def damaged(record: Any, path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """A copy with one value replaced, or left out for ``...``."""
    plain: dict[str, Any] = json.loads(json.dumps(record))
    place: Any = plain
    for key in path[:-1]:
        place = place[key]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return plain


@pytest.mark.parametrize(
    ("key", "change", "message"),
    [
        ("key", None, r"lacks key in weights\.npz"),
        ("frames/gain", lambda a: a[:-1], r"frames/gain of shape \(119,\)"),
        ("frames/correlation", lambda a: a + 3, r"frames/correlation = .* expected -1 to 1"),
        ("frames/correlation", lambda a: np.where(np.arange(120) == 5, np.inf, a), r"= inf in weights\.npz"),
        ("frames/gain", lambda a: np.where(np.arange(120) == 5, np.nan, a), "has 119 of 40"),
    ],
)
def test_damaged_arrays_are_refused(key: str, change: Callable[[Any], Any] | None, message: str) -> None:
    told = fake_adfd.weights("adfd", 0)
    arrays = {name: array for name, array in told.arrays.items() if name != key or change}
    if change:
        arrays[key] = change(arrays[key])
    with pytest.raises(ReportError, match=message):
        KIND.verify(told.record, arrays, "the weights")


def test_the_effects_that_were_put_in_are_found_and_a_plain_mean_is_the_reference(adfd_job: Job) -> None:
    table = tables.table(adfd_job)
    arms = list(table.column("arm"))
    assert arms[0] == "Mean over frames" and arms[1] == "F: ADFD"  # the headline arm comes first
    assert (table.rows[0].cells[2], table.rows[0].cells[5]) == (0.0, 0.0)
    avoids = dict(zip(arms, table.column("avoids_occlusion"), strict=True))
    assert avoids == {
        "Mean over frames": "the reference", "F: ADFD": "holds", "C: B + frame weights": "cannot tell",
        "E: sigma 0.3": "does not hold", "Attention that never learnt": "weighs all frames alike",
    }  # fmt: skip
    cell = table.column("correlation")[1]
    assert isinstance(cell, Estimate) and cell.verdict == "holds"
    rows = np.stack([fake_adfd.weights("adfd", seed).arrays["frames/correlation"] for seed in (0, 1)])
    kept = np.isfinite(rows).all(axis=0)
    people = fake_adfd.weights("adfd", 0).arrays["person"][kept]
    direct = clustered_bootstrap(rows[:, kept], people, bounds=(-1, 1))
    assert (cell.mean, cell.low, cell.high) == pytest.approx((direct.mean, direct.low, direct.high))
    assert table.column("tracklets_correlation")[1] == 100  # every sixth of 120 shows all of its person, always
    assert table.column("tracklets_gain")[1] == 120
    assert "SynthWalk, rgb-single-pass v1" in table.caption


def test_groups_stand_in_a_table_of_their_own(adfd_job: Job) -> None:
    table = tables.groups_table(adfd_job)
    assert list(zip(table.column("arm"), table.column("weights"), strict=True)) == [
        ("F: ADFD", "upper body"), ("F: ADFD", "shoes"),
    ]  # fmt: skip
    assert table.column("avoids_occlusion") == ("holds", "cannot tell")


def group_of(*seeds: dict[str, list[float]], person: list[int]) -> Group:
    """A group whose arrays are given."""
    runs = []
    for seed, values in enumerate(seeds):
        arrays = {key: np.array(row) for key, row in values.items()}
        arrays |= {"person": np.array(person), "key": np.array([f"t{i}" for i in range(len(person))])}
        names = dict.fromkeys(key.rpartition("/")[0] for key in values)
        facts = {"maps": [{"name": name} for name in names]}
        per_query = fake.per_query(0.0, seed, "a")
        runs.append(ArmRun(f"a{seed}", fake.result("a", None, None, seed, per_query), per_query, {},
                           {"frame_weights": Weights(facts, arrays)}))  # fmt: skip
    return Group("a", tuple(runs))


def test_a_constant_gain_is_exact_and_a_tracklet_that_one_seed_cannot_judge_leaves() -> None:
    nan = float("nan")
    one = {"frames/correlation": [0.5, nan, 0.5, 0.5], "frames/gain": [2.0, 2.0, 2.0, 2.0]}
    two = {"frames/correlation": [0.7, 0.7, 0.7, nan], "frames/gain": [2.0, 2.0, 2.0, 2.0]}
    found = tables.weighed(group_of(one, two, person=[1, 1, 2, 3]), "frames")
    assert found is not None and not found.alike
    assert (found.found["correlation"].mean, found.found["gain"].mean) == (pytest.approx(0.6), 2.0)
    assert (found.found["correlation"].tracklets, found.found["correlation"].people) == (2, 2)
    gain = found.found["gain"].interval
    assert gain is not None and (gain.low, gain.high) == (2.0, 2.0)
    assert found.verdicts["gain"] == "holds"


def test_one_person_alone_has_no_interval_and_no_verdict() -> None:
    rows = {"frames/correlation": [0.9, 0.9], "frames/gain": [9.0, 9.0]}
    found = tables.weighed(group_of(rows, person=[1, 1]), "frames")
    assert found is not None
    assert found.avoids == "cannot tell" and found.found["gain"].interval is None


def test_a_map_that_one_seed_lacks_is_not_pooled() -> None:
    both = {"frames/correlation": [0.1, 0.2], "frames/gain": [1.0, 1.0]}
    more = both | {"frames/shoes/correlation": [0.1, 0.2], "frames/shoes/gain": [1.0, 1.0]}
    assert tables.weighed(group_of(more, both, person=[1, 2]), "frames/shoes") is None


def test_words_and_pictures_say_what_was_measured(adfd_job: Job) -> None:
    words = tables.words(adfd_job)
    assert words[0].startswith("F: ADFD avoids occlusion: frames that show more of the person weigh more (rank corr")
    assert words[1].startswith("Whether C: B + frame weights avoids occlusion cannot be told")
    assert words[2].startswith("E: sigma 0.3 does not avoid occlusion: frames that show less of the person weigh more")
    assert "by −3.0 points (" in words[2] or "by −2.9 points (" in words[2]
    assert words[3] == "Attention that never learnt weighs all frames alike, as a plain mean does."
    page = paper_page(adfd_job, build_ledger(adfd_job))
    part = page[page.index('<section id="weights"') : page.index('<section id="strips"')]
    text = html.unescape(re.sub(r"<[^>]+>", " ", part))
    assert all(sentence in text for sentence in words)
    told = fake_adfd.weights("adfd", 0)
    row = told.record["pictures"]["rows"][0]
    relative = [f"×{weight * fake_adfd.FRAMES:.2f}" for weight in row["weights"]["frames"]]
    places = [text.index(one) for one in dict.fromkeys(relative)]
    assert min(places) > text.index(f"Tracklet {row['key']}") and "8 of 31 frames" in text
    assert 'alt="Frame 5 of 31 of tracklet' in part  # frames are counted from 1, and every fourth is shown
    assert "nobody" in text and "96 %" in text
    assert part.count("<details><summary>Weights by group") == 3  # those of ADFD, for each tracklet
    structure = Structure()
    structure.feed(page)
    assert structure.open == [] and structure.images_without_text == 0
    assert {link[1:] for link in structure.anchors} <= set(structure.ids)


def test_bars_are_drawn_to_one_scale(adfd_job: Job) -> None:
    shown = tables.pictures(adfd_job)
    assert shown[0]["label"] == "F: ADFD"
    for one in shown:
        for row in one["rows"]:
            for cell in row["cells"]:
                assert 0 <= cell["weight_width"] <= 100 and 0 <= cell["seen_width"] <= 100
                relative = float(cell["weight"].removeprefix("×"))
                assert cell["weight_width"] == pytest.approx(relative * one["mean_at"], abs=0.3)


def test_without_weights_there_is_no_section_and_with_them_the_report_admits_what_it_does_not_show(
    job: Job, adfd_job: Job
) -> None:
    assert 'id="weights"' not in paper_page(job, build_ledger(job))
    assert tables.table(job).rows == ()
    unverified = paper_page(adfd_job, build_ledger(adfd_job)).partition('id="unverified"')[2]
    assert "Frame weights on filmed people" in unverified and "not the cause" in unverified
    filmed = dataclasses.replace(adfd_job, groups=tuple(filmed_group(group) for group in adfd_job.groups))
    assert "Frame weights on filmed people" not in paper_page(filmed, build_ledger(filmed)).partition("unverified")[2]


def filmed_group(group: Group) -> Group:
    runs = []
    for run in group.runs:
        dataset = run.result["dataset"] | {"synthetic": False}
        runs.append(dataclasses.replace(run, result=run.result | {"dataset": dataset}))
    return dataclasses.replace(group, runs=tuple(runs))


def test_files_that_are_half_torn_or_of_other_tracklets_are_refused(tmp_path: Path) -> None:
    uri = fake.fresh(tmp_path / "store")
    fake_adfd.write(open_store(uri), arms=("adfd",), with_labels=False)
    runs = reports.load(fake_adfd.EXPERIMENT, uri)
    folder = Path(runs.iloc[1]["artifact_uri"].removeprefix("file://"))
    for stem, what in (("weights", "weighed"), ("attributes", "recognised")):
        arrays = dict(np.load(folder / f"{stem}.npz"))
        np.savez(folder / f"{stem}.npz", **(arrays | {"key": np.char.add(arrays["key"], "x")}))
        with pytest.raises(ReportError, match=f"seeds of adfd {what} other tracklets each"):
            load_job(open_reader(uri), fake_adfd.EXPERIMENT)
        (folder / f"{stem}.npz").unlink()
        with pytest.raises(ReportError, match=rf"has the artifact {stem}\.json, but not the other"):
            load_job(open_reader(uri), fake_adfd.EXPERIMENT)
        np.savez(folder / f"{stem}.npz", **arrays)
    arrays["truth"] = 1 - arrays["truth"]
    np.savez(folder / "attributes.npz", **arrays)
    with pytest.raises(ReportError, match="against another truth"):
        load_job(open_reader(uri), fake_adfd.EXPERIMENT)


def test_the_file_holds_ends_and_verdicts(adfd_job: Job) -> None:
    rows = list(csv.DictReader(io.StringIO(tables.table(adfd_job).as_csv())))
    assert rows[1]["correlation_verdict"] == "holds" and float(rows[1]["correlation_low"]) > 0
    assert rows[0]["correlation"] == "0.0" and rows[0]["correlation_low"] == ""
