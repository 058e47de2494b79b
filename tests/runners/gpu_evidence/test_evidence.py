"""Evidence from a GPU: its time, its processes, its file; and the whole in miniature on a bare machine."""

import fcntl
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from runners.gpu_evidence import __main__, costs
from tests.places import HOUSE

ABSENT = (
    "mlflow", "fvcore", "numba", "simplejpeg", "h5py", "tqdm", "jinja2", "pandas", "matplotlib",
    "seaborn", "skimage",
)  # fmt: skip
WITHOUT = """
import sys

class Without:
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, path=None, target=None):
        if name in {absent!r}:  # only what stands in for it is found
            path = [place for place in sys.path if place.endswith("stand_ins")]
        return self.finder.find_spec(name, path, target)
    def __getattr__(self, name):
        return getattr(self.finder, name)

sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
"""


class Clock:
    """Stands still until it is moved."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.mark.parametrize(
    ("code", "seconds", "wanted"),
    [
        ("pass", 900, ""),
        ("import time; time.sleep(9999)", 0.5, "stopped: its 0 s were used up"),
        ("import os; os._exit(7)", 900, "its process ended with exit code 7"),
        ("import os; os.kill(os.getpid(), 11)", 900, "its process ended with exit code -11"),
    ],
)
def test_a_process_is_ended_whatever_it_does(code, seconds, wanted):
    assert __main__.run_process([sys.executable, "-c", code], seconds, os.environ) == wanted


def test_what_a_process_started_is_ended_with_it(tmp_path):
    """The grandchild would hold its lock for hours."""
    holds = "import fcntl, sys, time; file = open(sys.argv[1], 'w'); fcntl.flock(file, fcntl.LOCK_EX); print('held', "
    holds += "flush=True); time.sleep(9999)"
    starts = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', *sys.argv[1:]], stdout=subprocess.PIPE)"
    command = [sys.executable, "-c", f"{starts}.stdout.readline()", holds, str(tmp_path / "file")]
    assert __main__.run_process(command, 900, os.environ) == ""
    with (tmp_path / "file").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # waits for the system to end what was killed


def test_only_a_dry_run_may_take_longer_than_a_machine_is_lent_for():
    assert [__main__.allowed(False, wanted) for wanted in (None, 60, 9999)] == [530, 60, 530]
    assert [__main__.allowed(True, wanted) for wanted in (None, 60, 9999)] == [120, 60, 9999]


def options(**changes):
    words = [] if not changes.get("out") else ["--out", changes["out"]]
    return __main__.parser().parse_args([*words, *(["--quick"] if changes.get("quick") else [])])


def cell(**changes):
    return {"frames": 8, "batch": 1, "left_out": "", "ms_p50": 3.0, **changes}


def network(*arms, work=None, cells=({},)):
    grids = [{"way": {"name": "fp32"}, "cells": [cell(**each) for each in cells]}]
    return {"arms": list(arms), "grids": grids, **({"work": work} if work else {})}


MACHINE = {"device": {"name": "NVIDIA H100 80GB HBM3"}, "software": {"torch": "2.11.0"}, "settings": {}}


@pytest.fixture
def run_with(monkeypatch, tmp_path):
    """Runs with made-up processes: part -> what it takes of the seconds it gets, how it ends, and what it found."""

    def run(seconds=530, **made):
        clock, calls = Clock(), []

        def run_process(command, given, environment):
            (part,) = command[command.index("--parts") + 1 : command.index("--into")]
            calls.append((part, round(given)))
            took, reason, found = made.get(part, (1, "", {}))
            clock.now += took(given) if callable(took) else took
            if found is not None:
                file = Path(command[command.index("--into") + 1]) / f"{part}.json"
                file.write_text(json.dumps({"machine": MACHINE, "left_out": [], **found}))
            return reason

        monkeypatch.setattr(__main__, "run_process", run_process)
        _, path = __main__.measure(options(out=str(tmp_path / "deep" / "found.json")), seconds, clock)
        return json.loads(path.read_text()), calls, clock

    return run


def test_all_that_is_found_stands_in_the_file(run_with):
    cells = ({}, {"ms_p50": None, "left_out": "out of memory: no"})
    one = network("gltr/gltr", "gltr/gltr-e2e", work="w1", cells=cells)
    found, calls, _ = run_with(
        costs=(30, "stopped: its 150 s were used up", {
            "ceilings": {"gbytes_per_s": 3000}, "networks": [one],
            "todo": ["gltr/gltr", "gltr/gltr-e2e", "tkp/tkp", "adfd/a"],
            "left_out": [{"arm": "tkp/tkp", "reason": "failed in /opt/torch/lib/site/conv.py"}],
        }),
    )  # fmt: skip
    assert found["state"] == "complete"
    assert found["device"]["name"] == MACHINE["device"]["name"]
    assert found["ceilings"]["costs"] == {"gbytes_per_s": 3000}
    assert found["costs"]["networks"] == [one]
    assert found["costs"]["left_out"] == [
        {"arm": "tkp/tkp", "reason": "failed in conv.py"},
        {"arm": "adfd/a", "reason": "there was no time for it (stopped: its 150 s were used up)"},
    ]
    assert [part for part, _ in calls] == ["costs", "training", "curves", "compiled"]
    assert [row["part"] for row in found["plan"]] == ["costs", "training", "curves", "compiled"]
    assert found["plan"][0]["ended"] == "stopped: its 150 s were used up"
    assert_form(found)


def test_what_a_part_leaves_goes_to_those_after_it(run_with):
    _, calls, _ = run_with(518, costs=(10, "", {}), training=(205, "", {}))  # 510 s, as the parts keep for themselves
    assert calls == [("costs", 150), ("training", 335), ("curves", 200), ("compiled", 294)]


def test_a_part_without_time_is_left_out_and_says_so(run_with):
    found, calls, _ = run_with(518, costs=(430, "", {}))
    assert [part for part, _ in calls] == ["costs", "compiled"]
    assert [row["ended"] for row in found["plan"]][1:3] == ["left out: 0 s were left for it"] * 2
    assert_form(found)


def test_it_ends_in_time_even_if_every_part_takes_all_that_it_gets(run_with):
    _, calls, clock = run_with(**dict.fromkeys(__main__.PARTS, (lambda given: given + 1, "stopped", {})))
    assert clock.now - 100 < 540
    assert len(calls) == 4
    assert all(given > 50 for _, given in calls)


def test_a_process_that_ended_before_it_found_anything_costs_its_part_alone(run_with):
    found, _, _ = run_with(costs=(1, "its process ended with exit code -11", None), curves=(1, "", {
        "networks": [network("gltr/gltr")]}))  # fmt: skip
    assert found["costs"] == {"networks": [], "left_out": []}
    assert found["plan"][0]["ended"] == "its process ended with exit code -11"
    assert found["curves"]["networks"][0]["arms"] == ["gltr/gltr"]


def test_what_was_found_is_on_disk_before_the_end(monkeypatch, tmp_path):
    path = tmp_path / "deep" / "found.json"

    def dies(command, seconds, environment):
        if path.exists():
            raise KeyboardInterrupt
        file = Path(command[command.index("--into") + 1]) / "costs.json"
        file.write_text(json.dumps({"machine": MACHINE, "left_out": [], "networks": [network("gltr/gltr")]}))
        return ""

    monkeypatch.setattr(__main__, "run_process", dies)
    with pytest.raises(KeyboardInterrupt):
        __main__.measure(options(out=str(path)), 530, Clock())
    record = json.loads(path.read_text())
    assert record["state"] == "partial"
    assert record["costs"]["networks"][0]["arms"] == ["gltr/gltr"]
    assert list(path.parent.iterdir()) == [path]


def test_names_of_files():
    now = datetime(2026, 11, 30, 23, 59, tzinfo=UTC)
    record = __main__.blank(dry_run=False, command="", now=now)
    house = HOUSE / "reports/evidence"
    assert __main__.file_of(record, options()) == house / "unknown-device-2026-11-30.json"
    record["device"] = {"name": "NVIDIA H100 80GB HBM3"}
    assert __main__.file_of(record, options()) == house / "nvidia-h100-80gb-hbm3-2026-11-30.json"
    dry = __main__.file_of(record, options(quick=True))
    assert dry == Path("out/evidence/nvidia-h100-80gb-hbm3-2026-11-30.json")  # never where evidence lies


def test_no_paths_of_this_machine(tmp_path):
    told = {"a": [f"File {tmp_path}/x.py, and {tmp_path}", 3.5, None], "b": "3 GB/s of w/o and 1/2, gltr/gltr"}
    assert __main__.without_paths(told) == {
        "a": [f"File x.py, and {tmp_path.name}", 3.5, None], "b": "3 GB/s of w/o and 1/2, gltr/gltr"
    }  # fmt: skip


def assert_form(record):
    """What stands in every file of evidence, whatever was left out."""
    assert record.keys() == __main__.blank(dry_run=False, command="").keys()
    assert (record["schema"], record["kind"]) == (1, "evidence")
    for part in __main__.PARTS:
        assert all(row["arm"] and row["reason"] for row in record[part]["left_out"])
        for one in record[part].get("networks", ()):
            assert one["arms"]
            cells = [cell for grid in one["grids"] for cell in grid["cells"]]
            assert all((cell["ms_p50"] is None) == bool(cell["left_out"]) for cell in cells)  # a time, or a reason


def test_committed_evidence_has_the_form():
    for path in (HOUSE / "reports" / "evidence").glob("*.json"):
        record = json.loads(path.read_text())
        assert_form(record)
        assert record["dry_run"] is False
        assert record == __main__.without_paths(record)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [([], "no CUDA GPU was found"), (["--device", "cpu"], "only the dry run is possible: add --quick")],
)
def test_without_a_gpu_it_says_so_and_exits_3(monkeypatch, capsys, arguments, words):
    monkeypatch.setattr(__main__, "_has_gpu", lambda: False)
    assert __main__.main(arguments) == 3
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_main_arms_come_first_and_every_encoder_is_among_the_arms():
    found = costs.arms_to_measure(quick=False)
    names = [name for _, some in found for name in some]
    assert len(names) == len(set(names)) > 100
    mains = [some[0] for _, some in costs.main_arms(quick=False)]
    assert {"gltr/gltr", "cosam/cosam", "tkp/tkp", "adfd/adfd", "vrstc/baseline", "baseline/trinet"} <= {
        name for _, some in costs.main_arms(quick=False) for name in some
    }
    assert [some[0] for _, some in found[: len(mains)]] == mains
    assert not [name for name in names if name.endswith("-gen") or "/transfer" in name]
    assert len(costs.compilations(costs.Extent("cuda", quick=False))) == 3 * len(mains)


@pytest.mark.slow  # 40 s
def test_the_miniature_runs_where_hardly_anything_is_installed(tmp_path):
    """Renders, trains, scores and measures without MLflow, fvcore, Numba, simplejpeg, h5py and all the others."""
    (tmp_path / "sitecustomize.py").write_text(WITHOUT.format(absent=set(ABSENT)))
    out = tmp_path / "found.json"
    command = [sys.executable, "-m", "runners.gpu_evidence", "--device", "cpu", "--quick", "--out", str(out)]
    command += ["--seconds", "3000"]  # it takes some twenty; on a busy machine as long as that takes
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1", "HOME": str(tmp_path)}
    done = subprocess.run(
        [*command, "--parts", "costs", "training"], cwd=HOUSE, env=environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())
    assert_form(found)
    assert found["dry_run"] is True
    assert found["code"]["code_sha"]
    (network,) = found["costs"]["networks"]
    assert network["arms"] == ["adfd/adfd", "adfd/e"]  # they differ by a number that costs nothing
    ways = {grid["way"]["name"]: grid["cells"] for grid in network["grids"]}
    assert set(ways) == {f"{kind}{order}" for kind in ("fp32", "tf32", "bf16") for order in ("", " channels-last")}
    assert ways["fp32"][0]["gmacs"] > 0
    assert ways["fp32"][0]["ratio"] > 0
    assert ways["fp32"][0]["settled"] in (True, False)
    assert network["grids"][0]["counter"] == "torch.utils.flop_counter"
    assert 0 < ways["fp32"][0]["roofline"]["share"] < 2
    assert "TF32" in ways["tf32"][0]["left_out"]
    assert found["costs"]["left_out"] == []
    (arm,) = found["training"]["arms"]
    assert arm["arm"] == "adfd/adfd"
    assert arm["admission"]["admitted"] is True
    assert arm["intervals"]["mAP"][0] <= arm["metrics"]["mAP"] <= arm["intervals"]["mAP"][1]
    assert [stage["steps"] for stage in arm["stages"]] == [2, 2]
    assert all(stage["frames_per_s"] > 0 for stage in arm["stages"])
    assert found["training"]["dataset"]["renderer"] == "plain NumPy"
    assert found["training"]["dataset"]["encoder"].startswith("pillow ")
    assert "adfd/adfd: mAP" in done.stdout


def test_lists_of_numbers_stand_on_one_line(tmp_path):
    record = __main__.blank(dry_run=True, command="a [1, 2] b")
    record["settings"] = {"samples": [1.5, -2e-05, 3], "names": ["a", "b"], "none": []}
    __main__.write(tmp_path / "file.json", record)
    text = (tmp_path / "file.json").read_text()
    assert json.loads(text) == record
    assert '"samples": [1.5, -2e-05, 3]' in text
    assert '"names": [\n' in text
