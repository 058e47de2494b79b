"""What released versions recorded is still read: every number, every page, every verdict."""

import html
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import reports
from reports.build import build
from reports.build import main as build_command
from reports.terminal import claims as claims_in_terminal
from tests.historic_results.export import INDEX, LEDGER, PATH, TEXT, export
from tests.historic_results.rebuild import Rebuilt, read_record, rebuild

HERE = Path(__file__).resolve().parent
EXPORTS = sorted(file.parent for file in HERE.glob(f"*/*/{INDEX}"))
RELEASES = sorted({folder.parent for folder in EXPORTS})
LARGEST = 350_000  # bytes of a paper's record
each_paper = pytest.mark.parametrize("folder", EXPORTS, ids=lambda folder: f"{folder.parent.name}-{folder.name}")
each_release = pytest.mark.parametrize("release", RELEASES, ids=lambda folder: folder.name)
Stores = Callable[[Path], Rebuilt]


def index_of(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / INDEX).read_text(encoding="utf-8")))


def papers_of(release: Path) -> list[Path]:
    return [folder for folder in EXPORTS if folder.parent == release]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Stores:
    """Folder of a release -> a store of all its jobs, made once."""
    made: dict[Path, Rebuilt] = {}

    def store(release: Path) -> Rebuilt:
        if release not in made:
            made[release] = rebuild(papers_of(release), tmp_path_factory.mktemp("store"))
        return made[release]

    return store


@pytest.fixture(scope="module")
def suites(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """Folder of a release -> the folder of all its pages, made once by the command."""
    made: dict[Path, Path] = {}

    def suite(release: Path) -> Path:
        if release not in made:
            out = tmp_path_factory.mktemp("pages") / "out"
            store = stores(release)
            parents = [store.ids[index_of(folder)["parent"]] for folder in papers_of(release)]
            # jobs that are named are shown whether they are finished or not
            words = ["--all", "--parent", *parents, "--tracking-uri", store.uri, "--out", str(out)]
            assert build_command(words) == 0
            made[release] = out
        return made[release]

    return suite


@pytest.fixture(scope="module")
def jobs(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], tuple[Path, dict[str, Any]]]:
    """Folder of a paper -> the folder of its job's page, and what was told about it; made once."""
    made: dict[Path, tuple[Path, dict[str, Any]]] = {}

    def job(folder: Path) -> tuple[Path, dict[str, Any]]:
        if folder not in made:
            index, out = index_of(folder), tmp_path_factory.mktemp("job") / "out"
            uri = stores(folder.parent).uri
            made[folder] = out, build(index["experiment"], paper=index["paper"], tracking_uri=uri, out=out)
        return made[folder]

    return job


def rows(page: Path) -> list[str]:
    """Words of every row of every table of a page, without marks."""
    found = re.findall(r"<tr\b.*?</tr>", page.read_text(encoding="utf-8"), re.DOTALL)
    return [" ".join(html.unescape(re.sub(r"<[^>]*>", " ", row)).split()) for row in found]


def has_row(found: list[str], arm: Mapping[str, Any], *words: str) -> bool:
    """Whether some row begins with the arm's name and holds its mAP, its rank-1 and the other words."""
    wanted = (f"{arm['mAP']:.1f}", f"{arm['rank1']:.1f}", *words)
    return any(arm["label"] in row and all(f" {word} " in f" {row} " for word in wanted) for row in found)


def measured(ledger: Mapping[str, Any]) -> dict[str, Any]:
    """Of a ledger what was measured, without its sentences, run ids and what was concluded from it.

    A ledger from before there were causes lists the controls of claims about time alone as such, others beside them.
    """

    def numbers(one: Mapping[str, Any] | None) -> dict[str, Any] | None:
        if one is None:
            return None
        names = ("against", "control", "mean", "low", "high", "p", "queries", "identities")
        kept = {name: one[name] for name in names}
        return {name: pytest.approx(value, abs=1e-6) if type(value) is float else value for name, value in kept.items()}

    found = {}
    for claim in ledger["claims"]:
        if "causes" in claim:
            controls = [one["difference"] for one in claim["causes"] if one["difference"]]
        else:
            controls = [*claim["controls"], *claim["beside"]]
        found[claim["id"]] = numbers(claim["difference"]), {one["control"]: numbers(one) for one in controls}
    return found


def test_records_lie_here() -> None:
    assert EXPORTS, f"no historic record below {HERE}"


@each_paper
def test_every_arm_loads_with_the_numbers_of_its_time(folder: Path, stores: Stores) -> None:
    index = index_of(folder)
    store = stores(folder.parent)
    frame = reports.load(index["experiment"], store.uri)
    frame = frame[frame["parent_id"] == store.ids[index["parent"]]]
    loaded = {str(row["run_id"]): row for _, row in frame.iterrows()}
    assert set(loaded) == {store.ids[arm["run"]] for arm in index["arms"]}
    assert set(frame["changes"]) == {""}  # a plain job, as it was before there were variants
    for arm in index["arms"]:
        row = loaded[store.ids[arm["run"]]]
        assert (row["label"], row["arm"], row["seed"], row["split"]) == tuple(
            arm[name] for name in ("label", "arm", "seed", "split")
        )
        assert row["test/mAP"] == pytest.approx(arm["mAP"], abs=1e-5)
        assert row["test/rank1"] == pytest.approx(arm["rank1"], abs=1e-5)


@each_paper
def test_the_ledger_measures_what_it_did_and_one_seed_decides_nothing(
    folder: Path, jobs: Callable[[Path], Any]
) -> None:
    recorded = json.loads((folder / LEDGER).read_text(encoding="utf-8"))
    out, told = jobs(folder)
    assert json.loads((out / LEDGER).read_text(encoding="utf-8"))["paper"] == recorded["paper"]
    now, before = measured(told["ledger"]), measured(recorded)
    assert {name: one[0] for name, one in now.items()} == {name: one[0] for name, one in before.items()}
    for name, (_, controls) in before.items():
        assert {control: now[name][1][control] for control in controls} == controls
    seeds = {arm["seed"] for arm in index_of(folder)["arms"]}
    if len(seeds) == 1:  # as all records of 0.1.0
        assert set(told["gains"].values()) == {"undecided"}


@each_paper
def test_a_recorded_ledger_is_still_read_with_the_verdicts_of_its_time(folder: Path) -> None:
    recorded = json.loads((folder / LEDGER).read_text(encoding="utf-8"))
    lines = claims_in_terminal(recorded)
    judged = [claim for claim in recorded["claims"] if claim["difference"]]
    for verdict in {claim["verdict"] for claim in judged}:
        expected = sum(claim["verdict"] == verdict for claim in judged)
        assert sum(line.startswith(f"{verdict.upper()}  ") for line in lines) == expected


@each_paper
def test_the_page_of_the_job_shows_every_arm_with_its_intervals(folder: Path, jobs: Callable[[Path], Any]) -> None:
    out, _ = jobs(folder)
    found = rows(out / "index.html")
    for arm in index_of(folder)["arms"]:
        low, high = arm["intervals"]["mAP"]
        assert has_row(found, arm, f"{low:.1f} to {high:.1f}"), arm["label"]


@each_paper
def test_the_pages_across_papers_show_the_job(folder: Path, suites: Callable[[Path], Path]) -> None:
    out, index = suites(folder.parent), index_of(folder)
    compared = rows(out / "comparison.html")
    for arm in index["arms"]:
        if arm["control"] is None:
            assert has_row(compared, arm), arm["label"]
    claims = rows(out / "claims.html")
    for claim in json.loads((folder / LEDGER).read_text(encoding="utf-8"))["claims"]:
        if claim["difference"]:  # one whose arms were not run stands there as such
            assert any(claim["text"] in row and "undecided" in row for row in claims), claim["id"]
    conventions = (out / "protocols.html").read_text(encoding="utf-8")
    assert index["experiment"].rpartition("/")[2] in conventions
    [page] = out.glob(f"papers/{index['paper']}-*/index.html")
    assert page.relative_to(out).as_posix() in (out / "index.html").read_text(encoding="utf-8")


@each_release
def test_a_rebuilt_store_is_exported_as_the_same_record(release: Path, stores: Stores, tmp_path: Path) -> None:
    folder = papers_of(release)[0]
    store, index = stores(release), index_of(folder)
    again = export(store.uri, index["experiment"], index["paper"], tmp_path, store.ids[index["parent"]])
    assert members(again) == {store.renamed(name): value for name, value in members(folder, store.renamed).items()}
    assert index_of(again) == json.loads(store.renamed((folder / INDEX).read_text(encoding="utf-8")))


@each_paper
def test_a_record_is_small_and_names_no_path(folder: Path) -> None:
    assert sum(file.stat().st_size for file in folder.iterdir()) < LARGEST
    texts = {name: text for name, text in members(folder).items() if isinstance(text, str)}
    texts |= {name: (folder / name).read_text(encoding="utf-8") for name in (INDEX, LEDGER)}
    assert [name for name, text in texts.items() if PATH.search(text)] == []


def members(folder: Path, renamed: Callable[[str], str] = str) -> dict[str, str | bytes]:
    """Name -> content of a record's archive; texts with the run ids that ``renamed`` gives."""
    return {
        name: renamed(data.decode()) if Path(name).suffix in TEXT else data
        for name, data in read_record(folder).items()
    }
