"""What anybody may type after a command: a sentence and exit code 2 (3 where it is not possible here), no traceback."""

import importlib
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runners.cli.exit_codes import guarded
from runners.pipeline import record
from runners.torchrun import process_group

COMMANDS = {
    "runners.reproduce": ["--paper", "gltr", "--arms", "baseline", "--dataset", "own", "--data-root", "DATA"],
    "runners.compare": ["--paper", "gltr", "--arms", "gltr/baseline", "--dataset", "own", "--data-root", "DATA"],
    "runners.cost": ["--paper", "gltr", "--arms", "baseline"],
    "runners.regress": [],
    "runners.gpu_evidence.__main__": ["--quick", "--device", "cpu"],
    "runners.evaluate": ["--descriptors", "SET"],
    "runners.repair": ["oracle", "new"],
    "runners.data": [],
    "runners.attributes": [],
    "reports.build": [],
}
TRAINING = [
    *(f"--seeds {value}" for value in ("0", "-1", "x", "1e9", "99999999999999999999", "nan")),
    *(f"--head-seeds {value}" for value in ("0", "-1", "x", "1001", "nan")),
    *(f"--seed {value}" for value in ("-1", "x", "99999999999999999999")),
    *(f"--size {value}" for value in ("0x0", "-1x3", "axb", "64", "64x", "²x²", "1000000000x1000000000", "1x1")),
    *(f"--splits {value}" for value in ("-1", "x", "5", "0-99999999999", "3-1")),
    *(f"--decoded-limit {value}" for value in ("nan", "-1", "inf", "x")),
    *(f"--device {value}" for value in ("cuda:x", "xyz", "cpu:7", "meta")),
    "--dataset nope", "--data-root /dev/null", "--protocol nope", "--protocol ../x", "--profile nope",
    "--attributes missing.csv", "--work /dev/null/x", "--out /dev/null/x", "--nope",
]  # fmt: skip
LINES = {
    "runners.reproduce": [
        *TRAINING, "--arms nope", "--arms gltr[", "--arms gltr[x=1]", "--paper nope", "--slice nope",
    ],
    "runners.compare": [
        "--seeds 0", "--head-seeds 0", "--size 0x0", "--splits x", "--decoded-limit nan", "--device xyz",
        "--arms gltr/nope",
        "--arms nope", "--paper nope",
    ],
    "runners.cost": [
        "--frames 0", "--frames -1", "--frames x", "--batch 0", "--size 0x0", "--size x", "--seconds nan",
        "--seconds -1", "--seconds inf", "--device xyz", "--arms nope", "--paper nope",
    ],
    "runners.regress": ["--workers 0", "--workers x", "--baseline missing.json", "--baseline .", "--reason words"],
    "runners.gpu_evidence.__main__": ["--seconds -1", "--seconds nan", "--seconds x", "--parts nope"],
    "runners.evaluate": [
        "--metric nope", "--queries x", "--dataset nope", "--dataset own --data-root missing", "--device xyz",
        "--dataset ilids", "--dataset own --data-root DATA --split -1", "--split 0",
        "--out /dev/null/x", "--export missing/a.npz", "--export x.csv", "--export .", "--data-root DATA",
    ],
    "runners.repair": ["--scorer nope", "--dataset nope", "--size 0x0", "--seed -1", "--profile nope"],
    "runners.data": [
        "", "nope", "list x", "verify", "verify missing", "verify DATA --split -1", "verify DATA --frame-size 0x0",
        "verify DATA --accept nope", "render new --size 0x0", "render new --size 9999x9999", "render new --seed -1",
        "render new --preset nope", "render new --layout nope", "render new --set x", "render new --set train_ids=-1",
        "contact-sheet DATA s.png --size 0x0", "contact-sheet DATA s.png --size 200000x100000",
        "contact-sheet DATA s.png --rows 0", "contact-sheet DATA s.xyz", "contact-sheet DATA s.png --part nope",
        "contact-sheet DATA s.png --person 777", "pack missing", "pack DATA --out /dev/null/x", "stats missing",
    ],
    "runners.attributes": ["", "nope", "show", "show missing.csv", "transfer --seed -1 x", "transfer --arm nope x"],
    "reports.build": [
        "", "--experiment a b", "--all --slice x", "--experiment nope", "--tracking-uri nonsense --all", "--nope",
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("typed")
    for person in (1, 2, 11, 12):
        for camera in (1, 2):
            place = folder / "data" / ("test" if person < 10 else "train") / str(person) / str(camera) / "1"
            place.mkdir(parents=True)
            Image.fromarray(np.full((64, 32, 3), 9 * person, dtype=np.uint8)).save(place / "0001.png")
    ids, cams = np.repeat([1, 2], 2), np.tile([1, 2], 2)
    rows = np.eye(4)
    np.savez(
        folder / "a.npz", query_features=rows, query_ids=ids, query_cams=cams, gallery_features=rows, gallery_ids=ids,
        gallery_cams=cams,
    )  # fmt: skip
    return folder


@pytest.mark.parametrize(("command", "line"), [(command, line) for command, lines in LINES.items() for line in lines])
def test_what_cannot_be_is_one_sentence(
    command: str, line: str, places: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    names = {"DATA": str(places / "data"), "SET": str(places / "a.npz")}
    words = [names.get(word, word) for word in (*COMMANDS[command], *line.split())]
    monkeypatch.setattr(record, "record", lambda *_, **__: pytest.fail("it went to work"))
    main = importlib.import_module(command).main
    try:
        code = main(words)
    except SystemExit as ended:  # argparse ends a command by itself
        code = ended.code
    said = capsys.readouterr().err
    assert code in (2, 3), said
    assert "Traceback" not in said
    *usage, last = said.strip().splitlines()
    assert re.match(r"(error|not possible here|reports\.build|python -m \S+( \S+)?): ?", last), said
    assert not usage or usage[0].startswith("usage:"), said
    assert not list(tmp_path.rglob("*.db"))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"WORLD_SIZE": "2", "RANK": "0"}, "not MASTER_ADDR and MASTER_PORT; start several processes with torchrun"),
        ({"WORLD_SIZE": "two", "RANK": "0"}, "WORLD_SIZE='two' is no whole number"),
        ({"WORLD_SIZE": "2", "RANK": "x"}, "RANK='x' is no whole number"),
        ({"WORLD_SIZE": "2", "RANK": "2"}, "RANK=2 is none of 2 processes"),
        (
            {"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "here", "MASTER_PORT": "99999"},
            "MASTER_PORT=99999 is no port",
        ),
    ],
)
def test_processes_that_do_not_know_where_to_meet_are_told(
    settings: dict[str, str], says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("WORLD_SIZE", "RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    def main(argv: object = None) -> int:
        with process_group():
            return 0

    assert guarded(main)() == 2
    assert re.search(says, capsys.readouterr().err)


@pytest.mark.parametrize("columns", ["1", "0", "-3", "x"])
def test_a_terminal_of_any_width_will_do(columns: str, places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from runners import evaluate

    shown = io.StringIO()
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr("sys.stdout", shown)
    assert evaluate.main(["--descriptors", str(places / "a.npz")]) == 0
    assert "official MARS" in shown.getvalue()
