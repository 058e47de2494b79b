"""Evidence from a GPU: its time plan, its processes, its file; and the whole in miniature on a bare machine."""

import argparse
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from runners.errors import RunError
from runners.gpu_evidence import __main__, file
from runners.gpu_evidence import costs as evidence_costs
from runners.gpu_evidence.children import run_child
from runners.gpu_evidence.time_plan import Part, TimePlan
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


def test_what_a_part_leaves_goes_to_those_after_it():
    clock = Clock()
    plan = TimePlan(110, 10, (Part("a", 40), Part("b", 40), Part("c", 20)), clock)
    seen = []

    def taking(seconds):
        def work(given):
            seen.append(given)
            clock.now += seconds
            return ""

        return work

    plan.run("a", taking(10))
    plan.run("b", taking(75))  # more than it had
    plan.run("c", taking(1))
    assert seen == [40, 70, 15]
    assert [row["used_s"] for row in plan.rows] == [10, 75, 1]
    assert plan.left() == 14


def test_a_part_without_time_is_left_out_and_says_so():
    clock = Clock()
    plan = TimePlan(60, 5, (Part("a", 30), Part("b", 25)), clock)
    clock.now += 53
    plan.run("b", lambda seconds: pytest.fail("it was started"))
    assert plan.rows == [{"part": "b", "given_s": 2.0, "used_s": 0.0, "ended": "left out: 2 s were left for it"}]


CHILD = "import sys, time, os; from runners.gpu_evidence.children import Sender; send = Sender(int(sys.argv[1])); "


@pytest.mark.parametrize(
    ("code", "passing", "wanted"),
    [
        ("send({'kind': 'a'}); send({'kind': 'done'})", 0, ""),
        ("send({'kind': 'a'}); send({'kind': 'done'}); time.sleep(9999)", 0, ""),
        ("send({'kind': 'a'}); time.sleep(9999)", 900, "stopped: its 900 s were used up"),
        ("send({'kind': 'a', 'limit': 0.3}); time.sleep(9999)", 0, "stopped: one item took too long"),
        ("send({'kind': 'a'}); os._exit(7)", 0, "its process ended with exit code 7"),
        ("send({'kind': 'a'}); os.kill(os.getpid(), 11)", 0, "its process ended with exit code -11"),
    ],
)
def test_a_process_is_ended_whatever_it_does(code, passing, wanted):
    """Its time goes by, on a clock of the test's own, when its first record is there; it would run for hours."""
    clock, got = Clock(), []

    def take(record):
        got.append(record)
        clock.now += passing
        return record.get("limit")

    assert run_child([sys.executable, "-c", CHILD + code], 900, take, clock=clock) == wanted
    assert [record["kind"] for record in got] == ["a"]


def test_only_a_dry_run_may_take_longer_than_a_machine_is_lent_for():
    assert [__main__.allowed(False, wanted) for wanted in (None, 60, 9999)] == [530, 60, 530]
    assert [__main__.allowed(True, wanted) for wanted in (None, 60, 9999)] == [120, 60, 9999]


def options(**changes):
    given = {
        "device": "cuda",
        "quick": False,
        "parts": list(__main__.PARTS),
        "seconds": None,
        "out": None,
        "json": False,
    }
    return argparse.Namespace(**{**given, **changes})


def cell(**changes):
    return {"frames": 8, "batch": 1, "left_out": "", "ms_p50": 3.0, **changes}


def network(*arms, work=None, cells=({},), part="costs"):
    grids = [{"way": {"name": "fp32"}, "cells": [cell(**each) for each in cells]}]
    return {"kind": "network", "part": part, "arms": list(arms), "grids": grids, **({"work": work} if work else {})}


MACHINE = {
    "kind": "machine", "device": {"name": "NVIDIA H100 80GB HBM3"}, "software": {"torch": "2.11.0"}, "settings": {},
}  # fmt: skip


class Children:
    """Stands for `run_child`: sends what it was told to, and lets time go by."""

    def __init__(self, clock, **sent):
        self.clock, self.sent, self.calls = clock, sent, []

    def __call__(self, command, seconds, take, environment=None):
        parts = command[command.index("--parts") + 1 : command.index("--device")]
        skip = int(command[command.index("--skip") + 1])
        self.calls.append((tuple(parts), round(seconds), skip))
        took, reason, records = self.sent[parts[0]](skip, seconds)
        for record in records:
            take({**record})
        self.clock.now += took
        return reason


@pytest.fixture
def run_with(monkeypatch, tmp_path):
    def run(**sent):
        clock = Clock()
        nothing = {part: lambda skip, seconds: (1, "", [MACHINE]) for part in __main__.PARTS}
        children = Children(clock, **{**nothing, **sent})
        monkeypatch.setattr(__main__, "run_child", children)
        one = __main__.Evidence(options(out=str(tmp_path / "found.json")), 530, clock)
        path = one.run()
        return json.loads(path.read_text()), children, clock

    return run


def test_all_that_is_found_stands_in_the_file(run_with):
    todo = {"kind": "todo", "part": "costs", "arms": ["gltr/gltr", "gltr/gltr-e2e", "tkp/tkp", "adfd/a"]}
    cells = ({}, {"ms_p50": None, "left_out": "out of memory: no"})

    def costs(skip, seconds):
        return 30, "stopped: its 150 s were used up", [
            MACHINE, {"kind": "ceilings", "part": "costs", "ceilings": {"gbytes_per_s": 3000}}, todo,
            network("gltr/gltr", work="w1", cells=cells), {**network("gltr/gltr-e2e", work="w1"), "grids": []},
            {"kind": "left_out", "part": "costs", "arm": "tkp/tkp", "reason": "failed in /opt/torch/lib/site/conv.py"},
        ]  # fmt: skip

    found, children, _ = run_with(costs=costs)
    assert found["state"] == "complete"
    assert found["device"]["name"] == MACHINE["device"]["name"]
    assert found["ceilings"]["costs"] == {"gbytes_per_s": 3000}
    (one,) = found["costs"]["networks"]
    assert one["arms"] == ["gltr/gltr", "gltr/gltr-e2e"]  # measured once
    assert found["costs"]["left_out"] == [
        {"arm": "tkp/tkp", "reason": "failed in conv.py"},
        {"arm": "adfd/a", "reason": "there was no time for it (stopped: its 150 s were used up)"},
    ]
    assert [call[0] for call in children.calls] == [("costs",), ("training",), ("curves",), ("compiled",)]
    assert [row["part"] for row in found["plan"]] == ["costs", "training", "curves", "compiled"]


def test_it_ends_in_time_even_if_every_part_takes_all_that_it_gets(run_with):
    def all_of_it(skip, seconds):
        return seconds + 1, "stopped", [MACHINE]

    _, children, clock = run_with(**dict.fromkeys(__main__.PARTS, all_of_it))
    assert clock.now - 100 < 540
    assert len(children.calls) == 4
    assert all(seconds > 50 for _, seconds, _ in children.calls)


def test_compiling_goes_on_behind_the_network_that_took_too_long(run_with):
    def begin(item, arm):
        return {"kind": "begin", "part": "compiled", "item": item, "arms": [arm], "way": "bf16", "limit": 60}

    def compiled(skip, seconds):
        if skip == 0:
            done = {**network("gltr/gltr", part="compiled"), "item": 0}
            return 70, "stopped: one item took too long", [MACHINE, begin(0, "gltr/gltr"), done, begin(1, "tkp/tkp")]
        assert skip == 2
        return 5, "", [MACHINE, begin(2, "adfd/a"), {**network("adfd/a", part="compiled"), "item": 2}]

    found, _, _ = run_with(compiled=compiled)
    assert [n["arms"] for n in found["compiled"]["networks"]] == [["gltr/gltr"], ["adfd/a"]]
    assert found["compiled"]["left_out"] == [{"arm": "tkp/tkp", "reason": "bf16: stopped: one item took too long"}]


def test_what_was_found_is_on_disk_before_the_end(monkeypatch, tmp_path):
    path = tmp_path / "deep" / "found.json"
    states = []

    def dies(command, seconds, take, environment=None):
        take({**MACHINE})
        take(network("gltr/gltr", work="w1"))
        states.append(json.loads(path.read_text()))
        raise KeyboardInterrupt

    monkeypatch.setattr(__main__, "run_child", dies)
    with pytest.raises(KeyboardInterrupt):
        __main__.Evidence(options(out=str(path)), 530, Clock()).run()
    assert states[0]["state"] == "partial"
    assert states[0]["costs"]["networks"][0]["arms"] == ["gltr/gltr"]
    assert list(path.parent.iterdir()) == [path]


def test_names_of_files():
    now = datetime(2026, 11, 30, 23, 59, tzinfo=UTC)
    record = file.blank(dry_run=False, command="", now=now)
    assert file.file_name("NVIDIA H100 80GB HBM3", record["started"]) == "nvidia-h100-80gb-hbm3-2026-11-30.json"
    assert file.file_name("", record["started"]) == "unknown-device-2026-11-30.json"
    one = __main__.Evidence(options(), 530, Clock())
    one.record |= {"device": {"name": "Some GPU"}, "started": record["started"]}
    assert one._path() == HOUSE / "reports/evidence/some-gpu-2026-11-30.json"
    one.options.quick = True
    assert one._path() == Path("out/evidence/some-gpu-2026-11-30.json")  # never where evidence lies


def test_no_paths_of_this_machine(tmp_path):
    told = {"a": [f"File {tmp_path}/x.py, and {tmp_path}", 3.5, None], "b": "3 GB/s of w/o and 1/2, gltr/gltr"}
    assert file.without_paths(told) == {
        "a": [f"File x.py, and {tmp_path.name}", 3.5, None], "b": "3 GB/s of w/o and 1/2, gltr/gltr"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda r: r.pop("costs"), "costs is missing"),
        (lambda r: r.update(kind="cost"), "no evidence of form"),
        (lambda r: r["costs"]["left_out"].append({"arm": "a"}), "without its name or its reason"),
        (lambda r: r["costs"]["networks"].append({"arms": [], "grids": []}), "no arms or no grids"),
        (
            lambda r: r["curves"]["networks"].append(network("a", cells=({"ms_p50": None},))),
            "neither a time nor a reason",
        ),
        (lambda r: r["curves"]["networks"].append(network("a", cells=({"left_out": "x"},))), "or both"),
    ],
)
def test_a_record_of_another_form_is_refused(spoil, words):
    record = file.blank(dry_run=True, command="")
    file.check(record, "file")
    spoil(record)
    with pytest.raises(RunError, match=words):
        file.check(record, "file")


def test_committed_evidence_has_the_form():
    for path in (HOUSE / "reports" / "evidence").glob("*.json"):
        record = json.loads(path.read_text())
        file.check(record, path.name)
        assert record["dry_run"] is False
        assert record == file.without_paths(record)


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
    found = evidence_costs.arms_to_measure(quick=False)
    names = [name for _, some in found for name in some]
    assert len(names) == len(set(names)) > 100
    mains = [some[0] for _, some in evidence_costs.main_arms(quick=False)]
    assert {"gltr/gltr", "cosam/cosam", "tkp/tkp", "adfd/adfd", "vrstc/baseline", "baseline/trinet"} <= {
        name for _, some in evidence_costs.main_arms(quick=False) for name in some
    }
    assert [some[0] for _, some in found[: len(mains)]] == mains
    assert not [name for name in names if name.endswith("-gen") or "/transfer" in name]
    assert len(evidence_costs.compilations(evidence_costs.Extent("cuda", quick=False))) == 3 * len(mains)


def test_the_miniature_runs_where_hardly_anything_is_installed(tmp_path):
    """Renders, trains, judges and measures without MLflow, fvcore, Numba, simplejpeg, h5py and all the others."""
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
    file.check(found, "file")
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
    record = file.blank(dry_run=True, command="a [1, 2] b")
    record["settings"] = {"samples": [1.5, -2e-05, 3], "names": ["a", "b"], "none": []}
    file.write(tmp_path / "file.json", record)
    text = (tmp_path / "file.json").read_text()
    assert json.loads(text) == record
    assert '"samples": [1.5, -2e-05, 3]' in text
    assert '"names": [\n' in text
