"""What is fuzzed: small sound files of each format, and the command that a user would read them with."""

import io
import json
import shutil
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.fuzz import stored
from tests.places import HOUSE


@dataclass(frozen=True)
class Case:
    """A kind of input.

    Attributes:
        name: for the test's name.
        make: writes sound files into a folder.
        spoil: patterns of the files that are spoilt.
        command: module of the command.
        argv: its arguments for a folder.
        share: of the examples; what takes longer gets fewer.
    """

    name: str
    make: Callable[[Path], None]
    spoil: tuple[str, ...]
    command: str
    argv: Callable[[Path], list[str]]
    share: float = 1.0


def run(command: str, argv: Sequence[str]) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command, run in this process."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = import_module(command).main(list(argv))
        except SystemExit as ended:  # argparse
            code = int(ended.code or 0)
    return code, out.getvalue(), err.getvalue()


def noise(folder: Path, kind: str, parts: dict[str, tuple[int, ...]], size: tuple[int, int] = (16, 8)) -> None:
    """Own data: two frames of noise for each person under two cameras."""
    random = np.random.default_rng(0)
    for part, people in parts.items():
        for person in people:
            for camera in (1, 2):
                for frame in (1, 2):
                    file = folder / part / str(person) / str(camera) / "1" / f"{frame:04d}.{kind}"
                    file.parent.mkdir(parents=True, exist_ok=True)
                    pixels = random.integers(0, 256, (*size, 3), dtype=np.uint8)
                    grey = pixels[..., 0].astype(np.uint16) * 257 if kind in {"png", "tif"} and camera == 2 else pixels
                    Image.fromarray(grey).save(file)


def _images(kind: str) -> Callable[[Path], None]:
    return lambda folder: noise(folder, kind, {"test": (1, 2)})


def _table(folder: Path) -> None:
    noise(folder, "jpg", {"v": (1, 2, 0, -1)})
    rows = [f"{p},{c},a,v/{p}/{c}/1,test" for p in (1, 2, 0, -1) for c in (1, 2)]
    rows += [f"7,{c},b{t},v/1/{c}/1/{t:04d}.jpg,train" for c in (1, 2) for t in (1, 2)]
    (folder / "tracklets.csv").write_text("person,camera,tracklet,path,part\n" + "\n".join(rows), encoding="utf-8")


def _pack(folder: Path) -> None:
    noise(folder / "set", "jpg", {"test": (1, 2), "train": (3,)})
    code, _, err = run("runners.data", ["pack", str(folder / "set"), "--out", str(folder / "packed")])
    assert code == 0, err


def _pack_beside(folder: Path) -> None:
    noise(folder, "jpg", {"test": (1, 2)})
    code, _, err = run("runners.data", ["pack", str(folder)])
    assert code == 0, err


def _rendered(layout: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        shutil.copytree(_render(layout), folder, dirs_exist_ok=True)

    return make


@cache
def _render(layout: str) -> Path:
    import atexit
    import tempfile

    root = Path(tempfile.mkdtemp(prefix="reproid-fuzz-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    argv = ["render", str(root / layout), "--layout", layout, "--preset", "tiny", "--size", "16x8"]
    code, _, err = run("runners.data", argv)
    assert code == 0, err
    return root / layout


def descriptors() -> dict[str, Any]:
    """A sound set of descriptors."""
    random = np.random.default_rng(0)
    ids, cams = np.arange(8) // 2 + 1, np.arange(8) % 2 + 1
    return {
        "query_features": random.normal(size=(4, 6)).astype("f4"), "query_ids": ids[:4], "query_cams": cams[:4],
        "gallery_features": random.normal(size=(8, 6)).astype("f4"), "gallery_ids": ids, "gallery_cams": cams,
    }  # fmt: skip


def _npz(folder: Path) -> None:
    np.savez(folder / "set.npz", **descriptors())


def _npz_packed(folder: Path) -> None:
    np.savez_compressed(folder / "set.npz", **descriptors())


def _mat(folder: Path) -> None:
    from scipy.io import savemat

    savemat(folder / "set.mat", descriptors())


def _mat_packed(folder: Path) -> None:
    from scipy.io import savemat

    savemat(folder / "set.mat", descriptors(), do_compression=True)


def _mat_hdf(folder: Path) -> None:
    import h5py

    with h5py.File(folder / "set.mat", "w", userblock_size=512) as file:
        for name, value in descriptors().items():
            file[name] = np.atleast_2d(value).T
    with (folder / "set.mat").open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM")


def _descriptor_folder(folder: Path) -> None:
    stored.descriptor_folder(folder / "set.descriptors")


def _card(folder: Path) -> None:
    shutil.copytree(HOUSE / "tests" / "papers" / "brief", folder / "brief")


def _labels(folder: Path) -> None:
    text = "person_id,upper body/red top,lower body/kind,backpack,mood\n2,1,long,0,cheerful\n4,,short,1,grumpy\n"
    (folder / "labels.csv").write_text(text, encoding="utf-8")


def _mars_labels(folder: Path) -> None:
    text = "person_id,top,boots,hat,upred\n" + "".join(f"{p},{p % 2},1,0,{p % 2}\n" for p in range(2, 12, 2))
    (folder / "labels.csv").write_text(text, encoding="utf-8")


def _baseline(folder: Path) -> None:
    source = HOUSE / "reports" / "baselines" / "embedded.json"
    plain = json.loads(source.read_text(encoding="utf-8"))
    (folder / "baseline.json").write_text(json.dumps(plain), encoding="utf-8")


def _verify(*more: str, at: str = "") -> Callable[[Path], list[str]]:
    return lambda folder: ["verify", str(folder / at) if at else str(folder), *more]


def _load(kind: str, name: str) -> Callable[[Path], list[str]]:
    return lambda folder: [kind, str(folder / name)]


def _evaluate(name: str) -> Callable[[Path], list[str]]:
    return lambda folder: ["--descriptors", str(folder / name)]


CASES: tuple[Case, ...] = (
    Case("csv", _table, ("tracklets.csv",), "runners.data", _verify(at="tracklets.csv"), 2),
    *(
        Case(kind, _images(kind), (f"**/*.{kind}",), "runners.data", _verify("--pixels"))
        for kind in ("jpg", "png", "bmp", "tif", "ppm", "webp")
    ),
    Case("contact-sheet", _images("jpg"), ("**/*.jpg",), "runners.data",
         lambda folder: ["contact-sheet", str(folder), str(folder / "sheet.png")], 0.5),
    Case("pack", _pack, ("packed/**/*",), "runners.data", _verify(at="packed"), 2),
    Case("pack-drawn", _pack, ("packed/**/*",), "runners.data",
         lambda folder: ["contact-sheet", str(folder / "packed"), str(folder / "sheet.png")], 1),
    Case("pack-beside", _pack_beside, ("pack/**/*",), "runners.data", _verify(), 1),
    Case("mars", _rendered("mars"), ("info/*", "synthwalk.json"), "runners.data", _verify("--no-images"), 0.7),
    Case("ls-vid", _rendered("ls-vid"), ("list_sequence/*", "test/*.npy", "test/data/*.mat", "*.json"),
         "runners.data", _verify("--no-images"), 0.7),
    Case("ilids", _rendered("ilids"), ("train-test*/*", "*.json"), "runners.data", _verify("--no-images"), 0.7),
    Case("prid", _rendered("prid"), ("*.mat", "*.json"), "runners.data", _verify("--no-images"), 0.7),
    Case("npz", _npz, ("set.npz",), "runners.evaluate", _evaluate("set.npz"), 2),
    Case("npz-packed", _npz_packed, ("set.npz",), "runners.evaluate", _evaluate("set.npz")),
    Case("mat", _mat, ("set.mat",), "runners.evaluate", _evaluate("set.mat"), 1.5),
    Case("mat-packed", _mat_packed, ("set.mat",), "runners.evaluate", _evaluate("set.mat")),
    Case("mat-hdf", _mat_hdf, ("set.mat",), "runners.evaluate", _evaluate("set.mat")),
    Case("descriptors", _descriptor_folder, ("set.descriptors/*",), "runners.evaluate", _evaluate("set.descriptors")),
    Case("card", _card, ("brief/paper.toml",), "runners.reproduce",
         lambda folder: ["--paper", str(folder / "brief"), "--list"], 2),
    Case("judge-step", stored.judge_step, ("step/**/*",), "runners.evaluate", _evaluate("step"), 2),
    Case("recorded", stored.recorded, ("mlartifacts/**/*",), "reports.build", stored.build, 0.3),
    Case("released", stored.released, ("best.pth.tar",), "tests.fuzz.loading", _load("released", "best.pth.tar"), 0.5),
    Case("weights", stored.weights, ("weights.safetensors",), "tests.fuzz.loading",
         _load("weights", "weights.safetensors")),
    Case("checkpoint", stored.checkpoint, ("checkpoint.pt",), "tests.fuzz.loading",
         _load("checkpoint", "checkpoint.pt"), 0.5),
    Case("labels", _labels, ("labels.csv",), "runners.attributes", lambda folder: ["show", str(folder / "labels.csv")]),
)  # fmt: skip
