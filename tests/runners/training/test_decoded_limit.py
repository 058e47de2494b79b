"""A job gives the same numbers whether frames were decoded once or each time, from files or from a pack."""

import shutil
from pathlib import Path

import pytest

import datasets
from datasets import pack
from datasets.frames.on_demand import PackedFrames
from datasets.images import decode
from runners.plan.environment import describe, runtime
from runners.plan.step_store import read_json
from runners.reproduce import main
from tests.places import PAPERS


def _files(where: Path) -> dict[str, bytes]:
    """What steps left behind: weights, features, results of each query."""
    steps = where / "runs" / "steps"
    found = [path for suffix in ("npz", "npy", "safetensors") for path in steps.rglob(f"*.{suffix}")]
    return {str(path.relative_to(steps)): path.read_bytes() for path in sorted(found)}


@pytest.mark.slow
def test_packed_and_decoded_frames_give_the_same_bits(
    tmp_path: Path, tiny_world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = tmp_path / "world"
    shutil.copytree(tiny_world, world)
    asked: list[int] = []
    real = PackedFrames.decode

    def counting(self: PackedFrames, rows: object) -> object:
        asked.append(1)
        return real(self, rows)

    monkeypatch.setattr(PackedFrames, "decode", counting)
    found = {}
    for name, limit in (("decoded", "8"), ("asked", "0")):
        where = tmp_path / name
        if name == "asked":
            pack.write(datasets.load("synthwalk", world), world / "pack", progress=False)
        ended = main(
            [
                *("--paper", str(PAPERS / "brief"), "--arms", "baseline", "--controls", "none", "--seeds", "1"),
                *("--data-root", str(world), "--work", str(where / "runs"), "--out", str(where / "out")),
                *("--tracking-uri", f"sqlite:///{where / 'mlflow.db'}", "--device", "cpu", "--decoded-limit", limit),
            ]
        )
        assert ended == 0
        assert bool(asked) == (name == "asked")
        assert (where / "runs" / "frames").exists() == (name == "decoded")
        found[name] = _files(where)
    assert len(found["decoded"]) >= 3
    assert found["asked"] == found["decoded"]
    (result,) = (
        result
        for file in (tmp_path / "asked" / "runs" / "steps" / "judge").glob("*/result.json")
        if (result := read_json(file))["arm"] == "baseline"
    )
    assert result["environment"]["decoder"] == result["environment"]["runtime"]["decoder"] == decode.version()


def test_the_decoder_is_part_of_every_fingerprint() -> None:
    assert runtime("cpu")["decoder"] == describe()["decoder"] == decode.version()
    assert "simplejpeg" in decode.version() or "pillow" in decode.version()


@pytest.mark.parametrize("limit", ["-1", "many", "nan", "inf"])
def test_a_limit_that_is_none_is_refused(limit: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--paper", "gltr", "--decoded-limit", limit])
    assert ended.value.code == 2
    assert "is no number of gigabytes; take 0 or more" in capsys.readouterr().err
