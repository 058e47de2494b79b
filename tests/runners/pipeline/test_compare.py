"""Papers side by side from the outside: what is run, what is not run again, who is turned away, how bad input ends."""

import json
from pathlib import Path
from typing import Any

import pytest

from runners.compare import main
from runners.pipeline import record
from runners.plan.step_store import read_json
from tests.places import PAPERS
from tests.reports import fake

PAPERS = tuple(str(PAPERS / name) for name in ("brief", "brief_attributes"))
PROTOCOLS = ("rgb-single-pass", "rgb-snippets")


def _job(where: Path, world: Path, *more: str, papers: tuple[str, ...] = PAPERS) -> list[str]:
    return [
        *("--paper", *papers, "--protocol", *PROTOCOLS, "--data-root", str(world), "--work", str(where / "runs")),
        *("--out", str(where / "out"), "--tracking-uri", fake.prepared(where), "--device", "cpu", "--seeds", "1"),
        *more,
    ]


def _judged(where: Path) -> dict[str, dict[str, Any]]:
    """``protocol paper/arm seed`` -> result of every judged step."""
    found = [read_json(file) for file in (where / "runs/steps/judge").glob("*/result.json")]
    return {f"{r['protocol']['name']} {r['paper']}/{r['arm']} {r['seed']}": r for r in found}


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory, tiny_world: Path) -> Path:
    """A whole comparison, run once; cut off in the middle by Ctrl-C and started again."""
    where = tmp_path_factory.mktemp("compare")
    with pytest.MonkeyPatch.context() as patch:
        real, calls = record.record, []

        def stopped(*args: Any, **kwargs: Any) -> Any:
            if len(calls) == 2:  # the first paper is there under both protocols, the second is not
                raise KeyboardInterrupt
            calls.append(args)
            return real(*args, **kwargs)

        patch.setattr(record, "record", stopped)
        assert main(_job(where, tiny_world)) == 130
    half = {name: result["fingerprint"] for name, result in _judged(where).items()}
    assert sorted(half) == sorted(
        f"{protocol} brief/{arm} 0" for protocol in PROTOCOLS for arm in ("baseline", "gltr", "colour")
    )
    before = {file: file.stat().st_mtime_ns for file in (where / "runs/steps").rglob("*.json")}
    assert main(_job(where, tiny_world)) == 0
    assert all(file.stat().st_mtime_ns == when for file, when in before.items())  # nothing was run again
    return where


def test_every_main_arm_is_judged_under_every_protocol_and_trained_once(compared: Path) -> None:
    arms = {"brief": ("baseline", "gltr", "colour"), "brief_attributes": ("a", "f", "colour")}
    wanted = {f"{p} {paper}/{arm} 0" for p in PROTOCOLS for paper, names in arms.items() for arm in names}
    assert set(_judged(compared)) == wanted
    for paper, names in arms.items():
        for arm in names[:-1]:
            one, other = (_judged(compared)[f"{protocol} {paper}/{arm} 0"] for protocol in PROTOCOLS)
            assert [stage["fingerprint"] for stage in one["stages"]] == [s["fingerprint"] for s in other["stages"]]


def test_protocols_have_a_table_each_and_ranks_of_their_own(
    compared: Path, tiny_world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(_job(compared, tiny_world, "--json")) == 0
    captured = capsys.readouterr()
    told = json.loads(captured.out)
    tables = told["comparison"]["tables"]
    assert sorted(table["title"].split(", ")[1].split()[0] for table in tables) == sorted(PROTOCOLS)
    for table in tables:
        assert set(table["rank"]) == {"brief/baseline", "brief/gltr", "brief_attributes/a", "brief_attributes/f"}
        assert table["comparisons"] == 6
        names = [row["method"] for row in table["rows"]]
        assert any("colours" in name.lower() for name in names[-1:])  # the floor stands last, and has no rank
        assert table["rows"][-1]["rank"] is None
    for page in ("index", "comparison", "claims", "protocols"):
        assert (compared / f"out/{page}.html").is_file()


def test_a_dry_run_says_what_is_missing_and_makes_nothing(
    compared: Path, tiny_world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted((compared / "runs/steps").rglob("*.json"))
    assert main(_job(compared, tiny_world, "--dry-run", "--seeds", "2", "--json")) == 0
    plan = json.loads(capsys.readouterr().out)
    assert len(plan) == 8
    assert {(row["there"], row["to_make"]) for row in plan} == {(1, 1)}
    assert sorted((compared / "runs/steps").rglob("*.json")) == before


def test_who_is_turned_away_is_told_with_the_reason_and_nothing_is_trained(
    tiny_world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both papers have a ResNet-18; the protocol of ResNet-50s admits none of them."""
    job = _job(tmp_path, tiny_world, papers=PAPERS[:1])
    job[job.index("--protocol") + 1 : job.index("--data-root")] = ["res50-rgb-single-pass"]
    assert main(job) == 3
    captured = capsys.readouterr()
    assert "no arm was admitted to res50-rgb-single-pass: resnet50:" in captured.err
    assert not (tmp_path / "runs/steps/stage").exists()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--arms", "gltr"), "name the paper too, such as gltr/gltr"),
        (("--arms", "nobody/gltr"), "nobody is not among the papers compared, brief, brief_attributes"),
        (("--arms", "brief/gltr"), "brief_attributes: --arms names none of its arms"),
        (("--arms", "brief/glt", "brief_attributes/f"), "did you mean 'gltr'"),
        (("--protocol", "rgb-snipets"), "did you mean rgb-snippets"),
        (("--seeds", "0"), "expected the number of seeds"),
    ],
)
def test_bad_input_is_one_sentence(
    more: tuple[str, ...], words: str, tiny_world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(_job(tmp_path, tiny_world, *more)) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert words in line
