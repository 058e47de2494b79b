"""The command: tables, files and exit codes, from the outside."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from protocols.ranking.published import PUBLISHED
from reports.records.conventions import way_of
from runners.evaluate import main


def write(path: Path, seed: int = 0, *, noise: float = 1.0, **changes: Any) -> Path:
    """30 people under four cameras, with a query each under two; people who look alike for whoever measures length."""
    rng = np.random.default_rng(seed)
    ids, cams = np.repeat(np.arange(1, 31), 4), np.tile(np.arange(1, 5), 30)
    centres = np.random.default_rng(9).standard_normal((31, 8))
    features = (centres[ids] + noise * rng.standard_normal((120, 8))) * rng.lognormal(0, 1, (120, 1))
    queries = np.flatnonzero(cams <= 2)
    plain = {
        "query_features": features[queries], "query_ids": ids[queries], "query_cams": cams[queries],
        "gallery_features": features, "gallery_ids": ids, "gallery_cams": cams, "query_in_gallery": queries,
    }  # fmt: skip
    np.savez(path, **(plain | changes))
    return path


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = main([str(word) for word in words])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_named_ways_come_first_with_intervals_and_the_spread(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    code, out, _ = run(capsys, "--descriptors", write(tmp_path / "a.npz"))
    assert code == 0
    places = [out.index(one.name) for one in PUBLISHED]
    assert places == sorted(places) and places[-1] < out.index("under every convention")
    assert "spread" in out and "points that are no property of the network" in " ".join(out.split())
    assert max(map(len, out.splitlines())) <= 125


def test_json_holds_every_way_and_agrees_with_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    code, out, _ = run(capsys, "--descriptors", write(tmp_path / "a.npz"), "--json")
    assert code == 0
    tables = json.loads(out)["tables"]
    *rows, spread = tables["conventions"]["rows"]
    assert len(rows) == 36
    values = [row["mAP"]["mean"] for row in rows]
    assert spread["mAP"] == pytest.approx(max(values) - min(values))
    for row in rows:
        assert row["mAP"]["low"] <= row["mAP"]["mean"] <= row["mAP"]["high"]
        assert row["rank1"]["mean"] <= row["rank5"] <= row["rank10"] <= row["rank20"] <= 100
    named = {row["convention"]: row["mAP"]["mean"] for row in tables["named"]["rows"]}
    assert set(named) == {one.name for one in PUBLISHED}
    assert named["TKP, code"] > named["TKP, paper"] + 5  # lengths say nothing here, so plain distances are worse
    assert named["AP3D, TCLNet, BiCnet"] > named["TKP, code"]  # the step formula is never lower


def test_only_the_distances_that_were_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    code, out, _ = run(capsys, "--descriptors", write(tmp_path / "a.npz"), "--metric", "cosine", "--json")
    tables = json.loads(out)["tables"]
    assert code == 0 and len(tables["conventions"]["rows"]) == 13
    cosine = {one.name for one in PUBLISHED if way_of(one.as_row())[3] == "cosine"}
    assert {row["convention"] for row in tables["named"]["rows"]} == cosine


def test_two_files_are_paired_and_a_file_with_other_queries_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    a, b = write(tmp_path / "a.npz"), write(tmp_path / "b.npz", noise=0.5)
    whole = dict(np.load(a))
    fewer = {name: whole[name][:40] for name in ("query_features", "query_ids", "query_cams", "query_in_gallery")}
    c = write(tmp_path / "c.npz", **fewer)
    code, out, _ = run(capsys, "--descriptors", a, b, c, "--json")
    assert code == 0
    rows = json.loads(out)["tables"]["comparison_mAP"]["rows"]
    for row in rows:
        gap = row["difference2"]
        assert gap["mean"] == pytest.approx(row["set2"]["mean"] - row["first"]["mean"])
        assert "difference3" not in row
        narrower = gap["high"] - gap["low"] < sum(row[one]["high"] - row[one]["low"] for one in ("first", "set2"))
        assert narrower
    assert "c.npz" in " ".join(json.loads(out)["tables"]["comparison_mAP"]["notes"])


def test_the_order_of_two_networks_can_depend_on_the_convention(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """One is noisier but keeps lengths even, the other the reverse: cosine and plain Euclid disagree on them."""
    a = write(tmp_path / "a.npz", noise=0.8)
    b = write(tmp_path / "b.npz", noise=1.1)
    whole = dict(np.load(b))
    for part in ("query_features", "gallery_features"):
        whole[part] /= np.linalg.norm(whole[part], axis=1, keepdims=True)
    np.savez(b, **whole)
    code, out, _ = run(capsys, "--descriptors", a, b)
    assert code == 0 and "1 of 1 pairs of sets change places" in out


def test_it_writes_a_page_tables_and_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    code, out, _ = run(capsys, "--descriptors", write(tmp_path / "a.npz"), "--out", tmp_path / "out")
    assert code == 0 and "index.html" in out
    files = {path.name for path in (tmp_path / "out").iterdir()}
    wanted = {"named.csv", "named.tex", "conventions.csv", "conventions.tex", "published_conventions.csv"}
    assert files >= wanted | {"index.html", "evaluation.json"}
    page = (tmp_path / "out/index.html").read_text()
    assert "http" not in page.replace("http://www.w3.org", "") and "MARS-evaluation" in page
    assert len((tmp_path / "out/conventions.csv").read_text().splitlines()) == 1 + 36 + 1
    assert "\\toprule" in (tmp_path / "out/named.tex").read_text()


def test_export_and_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    a = write(tmp_path / "a.npz")
    first = run(capsys, "--descriptors", a, "--export", tmp_path / "b.mat", "--json")
    again = run(capsys, "--descriptors", tmp_path / "b.mat", "--json")
    rows = [json.loads(out)["tables"]["conventions"]["rows"] for _, out, _ in (first, again)]
    assert rows[0] == rows[1]


def test_one_person_has_numbers_and_no_intervals(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    few = np.flatnonzero(np.repeat(np.arange(1, 31), 4)[np.tile(np.arange(1, 5), 30) <= 2] == 3)
    whole = dict(np.load(write(tmp_path / "a.npz")))
    parts = {name: whole[name][few] for name in ("query_features", "query_ids", "query_cams", "query_in_gallery")}
    code, out, _ = run(capsys, "--descriptors", write(tmp_path / "b.npz", **parts), "--json")
    assert code == 0
    assert all(isinstance(row["mAP"], float) for row in json.loads(out)["tables"]["named"]["rows"])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--descriptors", "nothing.npz"], "does not exist"),
        (["--descriptors", "deadbeef"], "no tracking store"),
        (["--descriptors", "my-features"], "expected a file, a folder, or an MLflow run id"),
        (["--descriptors", "somewhere/else"], "unknown kind"),
        (["--descriptors", "a.npz", "--data-root", "x"], "--data-root is about --dataset"),
        (["--descriptors", "a.npz", "b.npz", "--export", "c.npz"], "one by one"),
        (["--descriptors", "."], "no set of descriptors"),
    ],
)
def test_bad_input_ends_with_exit_code_2_and_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: list[str], says: str
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    code, _, err = run(capsys, *words)
    assert code in (2, 3) and len(err.splitlines()) == 1
    if code == 2:
        assert says in err


def two_cameras(path: Path) -> Path:
    rng = np.random.default_rng(0)
    people, shift = rng.standard_normal((30, 8)), 2 * rng.standard_normal(8)
    np.savez(
        path, query_features=people + shift, query_ids=np.arange(30) + 1, query_cams=np.ones(30, int),
        gallery_features=people + rng.standard_normal((30, 8)) - shift, gallery_ids=np.arange(30) + 1,
        gallery_cams=np.full(30, 2),
    )  # fmt: skip
    return path


def test_what_was_done_about_the_queries_is_said_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = two_cameras(tmp_path / "two.npz")
    code, out, _ = run(capsys, "--descriptors", path, "--out", tmp_path / "out")
    assert code == 0 and out.startswith("two.npz: The gallery is taken as it is: none of the queries was found there")
    page = (tmp_path / "out/index.html").read_text(encoding="utf-8")
    assert page.index("The gallery is taken as it is") < page.index("The same descriptors score")
    code, out, _ = run(capsys, "--descriptors", path, "--json")
    found = json.loads(out)
    assert list(found["sets"][0])[:2] == ["name", "queries"] and "shares no camera" in found["sets"][0]["queries"]
    assert {row["convention"] for row in found["tables"]["named"]["rows"]} == {one.name for one in PUBLISHED}


def test_no_published_name_stands_over_a_gallery_that_it_does_not_have(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = two_cameras(tmp_path / "two.npz")
    _, plain, _ = run(capsys, "--descriptors", path, "--json")
    code, out, _ = run(capsys, "--descriptors", path, "--queries", "append", "--json")
    rows = json.loads(out)["tables"]["named"]["rows"]
    assert code == 0
    assert {row["convention"] for row in rows} == {"torchreid family", "layumi family"}  # the two that take them out
    before = {row["convention"]: row["mAP"] for row in json.loads(plain)["tables"]["named"]["rows"]}
    assert all(row["mAP"] == before[row["convention"]] for row in rows)


def test_where_no_query_counts_under_a_convention_it_is_shown_as_such(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """All right answers are queries themselves: taken out with them, nothing is left."""
    ids, cams = np.repeat([1, 2, 3], 2), np.tile([1, 2], 3)
    features = np.random.default_rng(0).standard_normal((6, 4))
    path = tmp_path / "a.npz"
    np.savez(
        path, query_features=features, query_ids=ids, query_cams=cams, gallery_features=features, gallery_ids=ids,
        gallery_cams=cams,
    )  # fmt: skip
    code, out, _ = run(capsys, "--descriptors", path, "--json", "--out", tmp_path / "out")
    assert code == 0 and "NaN" not in out
    rows = json.loads(out)["tables"]["conventions"]["rows"][:-1]
    nobody = [row for row in rows if row["gallery"] == "no queries" and row["empty"] == "skipped"]
    assert nobody and all(row["mAP"] is None and row["rank1"] is None and row["valid"] == 0 for row in nobody)
    code, out, _ = run(capsys, "--descriptors", path)
    assert code == 0 and "nan" not in out.lower()
