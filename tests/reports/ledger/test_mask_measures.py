"""Where a network looks: pooled over seeds, judged against what knows less, on a scale of its own."""

import csv
import dataclasses
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reports
from protocols.ground_truth.masks import MEASURES
from reports import terminal
from reports.build import write
from reports.errors import ReportError
from reports.ledger import mask_measures
from reports.ledger.claim import Claim
from reports.ledger.forest_plot import forests, scale
from reports.ledger.ledger import build_ledger, judge_claim
from reports.page import paper_page
from reports.records.masks import KIND, Explanation
from reports.render.table import Estimate, shown
from reports.store.arm import ArmRun, Group
from reports.store.job import Job
from reports.store.read_job import load_job
from reports.store.reader import open_reader
from runners.tracking.mlflow_writer import open_store
from tests.reports import fake, fake_cosam
from tests.reports.pages.test_page import Structure


def explained(person: list[int], *seeds: Mapping[str, list[float]]) -> Group:
    """A group whose arrays are given, one mapping for each seed; every one is called ``<map>/<measure>/<who>``."""
    runs = []
    for seed, values in enumerate(seeds):
        arrays = {key: np.array(row) for key, row in values.items()}
        arrays |= {"person": np.array(person), "key": np.array([f"t{i}" for i in range(len(person))])}
        names = sorted({key.partition("/")[0] for key in values})
        maps = [{"name": name, "grid": [4, 2], "who": "trained", "threshold": 0.5, "measures": {}} for name in names]
        facts = {"clip": 4, "tracklets": len(person), "frames": 4 * len(person), "what": "All.", "maps": maps}
        runs.append(fake_run(seed, Explanation(facts | {"differences": []}, arrays)))
    return Group("a", tuple(runs))


def fake_run(seed: int, explanation: Explanation) -> ArmRun:
    arrays = fake.per_query(0.0, seed, "a")
    return ArmRun(f"a{seed}", fake.result("a", None, None, seed, arrays), arrays, {}, {"masks": explanation})


def test_a_constant_gain_over_two_seeds_is_exact() -> None:
    one = {"m/auc/trained": [0.8, 0.6, 0.7], "m/auc/centre": [0.7, 0.5, 0.6]}
    two = {"m/auc/trained": [0.9, 0.7, 0.5], "m/auc/centre": [0.8, 0.6, 0.4]}
    found = mask_measures.compared(explained([1, 1, 2], one, two), "m", "auc", "centre")
    assert found is not None
    assert (found.trained, found.reference) == (pytest.approx(0.7), pytest.approx(0.6))
    assert (found.difference.low, found.difference.high) == (pytest.approx(0.1), pytest.approx(0.1))
    assert (found.verdict, found.tracklets, found.people) == ("holds", 3, 2)


def test_a_tracklet_without_a_value_leaves_both_sides() -> None:
    nan = float("nan")
    rows = {"m/bag_density/trained": [2.0, nan, 2.0, 9.0], "m/bag_density/untrained": [1.0, 5.0, 1.0, nan]}
    found = mask_measures.compared(explained([1, 2, 3, 4], rows), "m", "bag_density", "untrained")
    assert found is not None
    assert (found.trained, found.reference, found.tracklets, found.people) == (2.0, 1.0, 2, 2)
    alone = {"m/bag_density/trained": [2.0, nan], "m/bag_density/untrained": [1.0, 1.0]}
    assert mask_measures.compared(explained([1, 2], alone), "m", "bag_density", "untrained") is None


@pytest.mark.parametrize("measure", MEASURES)
def test_less_is_better_on_what_is_not_the_person(measure: str) -> None:
    rows = {f"m/{measure}/trained": [0.3, 0.4, 0.5], f"m/{measure}/untrained": [0.1, 0.2, 0.3]}
    found = mask_measures.compared(explained([1, 2, 3], rows), "m", measure, "untrained")
    assert found is not None
    assert found.difference.mean == pytest.approx(0.2)  # always trained minus reference
    less = measure.startswith(("background", "occluder"))
    assert found.verdict == ("does not hold" if less else "holds")


@pytest.mark.parametrize(
    ("measure", "shift", "end"),
    [("auc", -0.1, "not reproduced, it is worse;"), ("occluder", 0.1, "not reproduced, it is worse;"),
     ("occluder", 0.0, "the two score the same;"), ("occluder", -0.1, "and less is better: the gain is reproduced;"),
     ("auc", 0.1, "against 0.300: the gain is reproduced;")],
)  # fmt: skip
def test_words_know_which_side_is_better(cosam_job: Job, measure: str, shift: float, end: str) -> None:
    base = [0.2, 0.3, 0.4]
    rows = {f"m/{measure}/trained": [value + shift for value in base], f"m/{measure}/centre": base}
    group = dataclasses.replace(explained([1, 2, 3], rows, rows), name="cosam")
    job = dataclasses.replace(cosam_job, groups=(group,))
    claim = judge_claim(job, fake_cosam.mask_claim("x", f"m/{measure}", "centre", "X."))
    assert end in claim.words
    assert (claim.gain == "reproduced") is ("is reproduced" in end)


def test_verdicts_find_the_effects_that_were_put_in(cosam_job: Job) -> None:
    ledger = build_ledger(cosam_job)
    found = {claim.id: claim for claim in ledger.claims}
    assert {key: claim.gain for key, claim in found.items()} == {
        "cosam-beats-baseline": "reproduced", "finds-the-person": "reproduced", "learns-to": "reproduced",
        "early-too": "undecided", "sees-bags": "reproduced", "third": "undecided",
    }  # fmt: skip
    deep = found["finds-the-person"].difference
    assert deep is not None
    rows = [fake_cosam.arrays(seed) for seed in (0, 1)]
    direct = np.mean([row["cosam5/auc/trained"] - row["cosam5/auc/centre"] for row in rows])
    assert deep.mean == pytest.approx(direct)
    assert (deep.queries, deep.identities, deep.seeds) == (fake_cosam.TRACKLETS, fake_cosam.PEOPLE, (0, 1))
    assert found["sees-bags"].difference is not None
    assert found["sees-bags"].difference.queries < fake_cosam.TRACKLETS  # some carry nothing
    assert "less is better" in found["learns-to"].words
    assert found["third"].difference is None
    assert "no map cosam3; there are cosam4, cosam5" in found["third"].words
    assert "direction of the difference alone" in ledger.rule


def unexplained(job: Job) -> Job:
    groups = []
    for group in job.groups:
        runs = tuple(dataclasses.replace(run, records={}) for run in group.runs)
        groups.append(dataclasses.replace(group, runs=runs))
    return dataclasses.replace(job, groups=tuple(groups))


def test_without_an_explanation_nothing_is_judged_and_the_reason_is_told(cosam_job: Job) -> None:
    job = unexplained(cosam_job)
    ledger = build_ledger(job)
    of_masks = [claim for claim in ledger.claims if claim.unit != "points"]
    assert len(of_masks) == 5
    for claim in of_masks:
        assert (claim.gain, claim.difference) == ("undecided", None)
        assert "no run of COSAM recorded where it looks" in claim.words
    page = paper_page(job, ledger)
    assert 'id="masks"' not in page
    assert "could not be judged: finds-the-person" in page
    apart = dataclasses.replace(job, groups=job.groups[:2])
    assert "cosam was not run" in build_ledger(apart).claims[1].words


def test_a_claim_that_measures_no_mask_is_refused(cosam_job: Job) -> None:
    claims = [fake_cosam.mask_claim("x", "mAP", "centre", "X.")]
    job = dataclasses.replace(cosam_job, card=cosam_job.card | {"claims": claims})
    with pytest.raises(ReportError, match=r"claim x measures 'mAP' against centre; expected <map>/<measure>"):
        build_ledger(job)


def test_bars_of_one_unit_share_a_scale_and_others_have_their_own(cosam_job: Job) -> None:
    ledger = build_ledger(cosam_job)
    found = {one.claim.id: one for one in forests(ledger)}
    assert found["cosam-beats-baseline"].ends is None
    assert found["finds-the-person"].ends == found["early-too"].ends != found["sees-bags"].ends
    points = dataclasses.replace(ledger, claims=tuple(one for one in ledger.claims if one.unit == "points"))
    assert scale(ledger, "points") == scale(points, "points")  # masks do not move it
    low, high = scale(ledger, "AUC")
    assert low < 0 < high < 0.5
    for one in found.values():
        low, high = scale(ledger, one.claim.unit)
        for bar, (_, _, measured) in zip(one.bars, one.claim.differences(), strict=True):
            assert low + bar.dot / 100 * (high - low) == pytest.approx(measured.mean, abs=2e-4 * (high - low))
    spoken = found["finds-the-person"].bars[0].spoken
    assert "points" not in spoken and "AUC" in spoken
    margin = {"published": ({"dataset": "mars", "margin": 30.0},)}  # in points, so it has no place beside an AUC
    loud = tuple(dataclasses.replace(one, **margin) if one.unit == "AUC" else one for one in ledger.claims)
    assert scale(dataclasses.replace(ledger, claims=loud), "AUC") == scale(ledger, "AUC")


def with_uniform(job: Job, **claim: Any) -> Claim:
    card = job.card | {"claims": [job.card["claims"][0] | claim]}
    return build_ledger(dataclasses.replace(job, card=card)).claims[0]


def test_uniform_weights_answer_for_a_cause_and_not_for_the_gain(cosam_job: Job) -> None:
    claim = with_uniform(cosam_job)
    assert [(one.name, one.control, one.answer) for one in claim.causes] == [("weights", "uniform", "supported")]
    assert "weights is supported" in claim.words and "uniform weights" in claim.words
    alone = dataclasses.replace(
        cosam_job, groups=tuple(group for group in cosam_job.groups if group.control != "uniform")
    )
    assert with_uniform(alone).gain == claim.gain == "reproduced"
    assert with_uniform(alone).causes == ()
    as_good = dataclasses.replace(  # the control is as good as the arm
        cosam_job, groups=tuple(same_as_arm(group, cosam_job.by_name["cosam"]) for group in cosam_job.groups)
    )
    assert with_uniform(as_good).gain == "reproduced"
    temporal = with_uniform(as_good, temporal=True)
    assert temporal.gain == "reproduced"
    assert [(one.name, one.answer) for one in temporal.causes] == [
        ("order", "not run"), ("capacity", "not run"), ("weights", "not supported"),
    ]  # fmt: skip


def same_as_arm(group: Group, arm: Group) -> Group:
    if group.control != "uniform":
        return group
    pairs = zip(group.runs, arm.runs, strict=True)
    return dataclasses.replace(
        group, runs=tuple(dataclasses.replace(run, per_query=other.per_query) for run, other in pairs)
    )


def test_tables_pool_seeds_and_name_who(cosam_job: Job) -> None:
    group = cosam_job.by_name["cosam"]
    table = mask_measures.accuracy(group)
    assert table.column("mask") == tuple(
        f"{name} {who}" for name in ("cosam4", "cosam5") for who in ("trained", "untrained", "centre prior")
    )
    cell = table.column("auc")[3]
    assert isinstance(cell, Estimate)
    assert cell.mean == pytest.approx(np.mean([fake_cosam.arrays(seed)["cosam5/auc/trained"] for seed in (0, 1)]))
    shares = [table.column(region)[0] for region in mask_measures.REGIONS]
    assert sum(one.mean for one in shares if isinstance(one, Estimate)) == pytest.approx(1.0)
    judged = mask_measures.differences(group)
    places = [column.key for column in judged.columns]
    row = next(row for row in judged.rows if row.cells[0] == "cosam5 vs untrained")
    cell = row.cells[places.index("background_density")]
    assert isinstance(cell, Estimate)
    assert cell.high < 0 and cell.verdict == "holds"
    written = next(csv.DictReader(io.StringIO(judged.as_csv())))
    assert written["auc_verdict"] == "holds"
    assert float(written["auc_low"]) < float(written["auc"]) < float(written["auc_high"])
    assert "↓" not in judged.as_latex() and "\\downarrow" in judged.as_latex()


def test_ledger_files_give_unit_and_role(cosam_job: Job) -> None:
    ledger = build_ledger(cosam_job)
    rows = list(csv.DictReader(io.StringIO(ledger.as_csv())))
    assert [(row["claim"], row["unit"], row["role"]) for row in rows[:3]] == [
        ("cosam-beats-baseline", "points", "gain"), ("cosam-beats-baseline", "points", "weights"),
        ("finds-the-person", "AUC", "gain"),
    ]  # fmt: skip
    assert rows[-1]["claim"] == "third" and rows[-1]["difference"] == "" and None not in rows[-1].values()
    plain = json.loads(json.dumps(ledger.as_dict(), allow_nan=False))
    assert plain["claims"][1]["unit"] == "AUC" and plain["claims"][0]["causes"][0]["control"] == "uniform"


def test_page_terminal_and_files_show_where_it_looks(cosam_job: Job, tmp_path: Path) -> None:
    built = json.loads(json.dumps(write(cosam_job, tmp_path)))
    page = (tmp_path / "index.html").read_text()
    structure = Structure()
    structure.feed(page)
    assert structure.open == [] and len(structure.ids) == len(set(structure.ids))
    assert structure.images_without_text == 0
    assert {link[1:] for link in structure.anchors} <= set(structure.ids)
    assert page.count('alt="Mask cosam5 over frame') == 3 * fake_cosam.CLIP
    assert page.count('alt="What is truly seen in frame') == 3 * fake_cosam.CLIP
    for table in (
        mask_measures.accuracy(cosam_job.by_name["cosam"]),
        mask_measures.differences(cosam_job.by_name["cosam"]),
    ):
        assert {f"{table.name}.csv", f"{table.name}.tex"} <= set(built["files"])
        for row in table.visible().rows:
            for column, cell in zip(table.visible().columns, row.cells, strict=True):
                assert shown(column, cell).split(" [")[0] in page
    assert "1 is a mask that is blind to the region" in page and "people stand in the middle" in page
    assert "background:#2a9d8f" in page
    text = terminal.page(built, width=100)
    assert "REPRODUCED      Its deeper mask finds the person. Measured +0.2" in text
    assert "NOT JUDGED      1 more claim, because the runs of COSAM recorded no map cosam3" in text
    assert "snippets of 4 frames, the last one looped" in page  # what each arm was fed


def test_the_terminal_counts_claims_whose_arms_were_not_run_in_one_line(cosam_job: Job) -> None:
    job = dataclasses.replace(cosam_job, groups=cosam_job.groups[:2])  # without COSAM and its control
    lines = terminal.claims(build_ledger(job).as_dict())
    assert lines[0] == "NOT JUDGED      6 more claims, whose arms were not run."


def test_a_true_explanation_passes() -> None:
    arrays = fake_cosam.arrays(0)
    KIND.verify(json.loads(json.dumps(fake_cosam.explain(arrays))), arrays, "the explanation")


def broken(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(fake_cosam.explain(fake_cosam.arrays(0))))
    place: Any = plain
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return plain


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("maps", 3, "measures", "auc", "mean"), 0.5, r"auc of cosam5 \(trained\) is 0\.5, but .* averages to 0\.8"),
        (("maps", 0, "measures", "bag_density", "tracklets"), 72, "counts 72 tracklets"),
        (("maps", 0, "measures", "recall"), {"mean": 1.0, "low": 1.0, "high": 1.0, "tracklets": 1}, "measure recall"),
        (("maps", 0, "name"), "a/b", "without /"),
        (("maps", 0, "name"), "cosam9", "no array cosam9/auc/trained"),
        (("maps", 0, "who"), "somebody", r"maps\[0\]\.who is 'somebody', expected 'trained', 'untrained' or 'centre'"),
        (("maps", 0, "measures", "auc", "low"), float("inf"), "finite"),
        (("tracklets",), 71, "one value for each of 71"),
        (("pictures", "rows", 0, "truth", 1), "https://example.org/x.png", "no data URI"),
        (("pictures", "rows", 0, "maps", "cosam4"), [], "not one for each frame"),
        (("pictures", "legend", "bag"), "red;}", "#rrggbb"),
    ],
)
def test_a_faulty_explanation_is_refused(path: tuple[Any, ...], value: Any, message: str) -> None:
    with pytest.raises(ReportError, match=message):
        KIND.verify(broken(path, value), fake_cosam.arrays(0), "the explanation")


def test_half_an_explanation_and_seeds_that_looked_elsewhere_are_refused(tmp_path: Path) -> None:
    uri = fake.fresh(tmp_path / "store")
    store = open_store(uri)
    fake_cosam.write(store, arms=("cosam",))
    runs = reports.load(fake_cosam.EXPERIMENT, uri)
    chosen = runs[(runs["arm"] == "cosam") & (runs["control"] == "none")].iloc[1]
    folder = Path(chosen["artifact_uri"].removeprefix("file://"))
    arrays = dict(np.load(folder / "explain.npz"))
    np.savez(folder / "explain.npz", **(arrays | {"key": np.char.add(arrays["key"], "x")}))
    with pytest.raises(ReportError, match="seeds of cosam explained other tracklets"):
        load_job(open_reader(uri), fake_cosam.EXPERIMENT)
    (folder / "explain.npz").write_bytes(b"PK\x03\x04 torn")
    with pytest.raises(ReportError, match=r"explain\.npz cannot be read .*; it belongs to run .* record it again"):
        load_job(open_reader(uri), fake_cosam.EXPERIMENT)
    (folder / "explain.npz").unlink()
    with pytest.raises(ReportError, match=r"has the artifact explain\.json, but not the other"):
        load_job(open_reader(uri), fake_cosam.EXPERIMENT)
