"""Images that claim to be huge, have no range or more than 8 bits: what each command says of them, folder or pack."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import datasets
from datasets.frames.decoded import FrameStore
from datasets.frames.on_demand import PackedFrames
from runners.data import main
from tests.datasets.images.test_open import REFUSED, WIDE, claiming

VICTIM = "test/2/1/a/2.png"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    draw = np.random.default_rng(4)
    for person, camera, frame in ((p, c, f) for p in (1, 2) for c in (1, 2) for f in (1, 2, 3)):
        path = tmp_path / "mine" / "test" / str(person) / str(camera) / "a" / f"{frame}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw.integers(0, 256, (48, 24, 3), dtype=np.uint8)).save(path)
    return tmp_path / "mine"


def problems(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["problems"]
    return found


BAD = {
    "huge PNG": (claiming("PNG", 30_000, 30_000), "damaged"),
    "huge JPEG": (claiming("JPEG", 65_000, 65_000), "damaged"),
    "huge BMP": (claiming("BMP", 65_280, 65_280), "damaged"),
    "floats": (REFUSED["float TIFF"][0], "unsupported"),
    "an animation": (REFUSED["animated GIF"][0], "unsupported"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("packed", [False, True])
def test_every_command_names_the_file(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, packed: bool
) -> None:
    data, kind = BAD[name]
    (root / VICTIM).write_bytes(data)
    if packed:
        command = ["pack", str(root), "--out", str(tmp_path / "packed")]
        assert main(command) == 2
        said = capsys.readouterr().err
        assert VICTIM in said and said.count("\n") == 1
        assert main([*command, "--accept", kind]) == 0
        assert "1 image with a fault packed, as accepted" in capsys.readouterr().out
        root = tmp_path / "packed"
    capsys.readouterr()
    for options in ([], ["--pixels"]):
        assert main(["verify", str(root), "--json", *options]) == 1
        (problem,) = problems(capsys)
        assert (problem["kind"], problem["file"]) == (kind, VICTIM)
    assert main(["verify", str(root), "--accept", kind]) == 0
    capsys.readouterr()
    sheet = tmp_path / "sheet.png"
    for command in (
        ["contact-sheet", str(root), str(sheet)],
        ["stats", str(root), "--pictures", "--out", str(tmp_path / "p")],
    ):
        assert main(command) == 2
        error = capsys.readouterr().err
        assert VICTIM in error
        assert error.count("\n") == 1
    assert not sheet.exists()
    split = datasets.load("own", root)
    with pytest.raises(datasets.DataError, match=rf"1 of 12 frames cannot be used: .*{VICTIM} "):
        FrameStore.build(split.test, split.root, tmp_path / "c", (16, 8), fingerprint=split.fingerprint, progress=False)


def test_greys_of_sixteen_bits_are_the_same_from_folder_and_pack(root: Path, tmp_path: Path) -> None:
    Image.fromarray(WIDE).save(root / VICTIM)
    assert main(["verify", str(root), "--pixels"]) == 0
    assert main(["pack", str(root), "--out", str(tmp_path / "packed")]) == 0
    expected = np.rint(WIDE / 257)
    split = datasets.load("own", root)
    place = sum(len(one) for one in split.test[:2]) + 1
    for number, folder in enumerate((root, tmp_path / "packed")):
        there = datasets.load("own", folder)
        assert there.test[2].frames[1] == VICTIM
        options = {"fingerprint": there.fingerprint}
        stored = FrameStore.build(there.test, there.root, tmp_path / f"c{number}", (48, 24), progress=False, **options)
        asked = PackedFrames.of(there.test, there.root, (48, 24), **options)
        for frames in (stored, asked):
            assert np.abs(np.asarray(frames.flat()[place])[..., 0] - expected).max() == 0
