"""A start from its worlds to its file: resumable with the same bits, packed, shown, and begun from."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from datasets import synthwalk
from datasets.synthwalk import presets
from datasets.synthwalk.presets import RESERVED_FOR_START, World
from files.formats import safetensors, toml
from methods.starts.card import read_card
from methods.starts.load import state_of
from runners import start
from runners.errors import RunError
from runners.plan.step_store import StepStore
from runners.pretraining import pack, train
from runners.pretraining.plan import PlannedStart, plan_start, read_start_recipe
from runners.training import loop

FRAMES = 320  # five steps of 64


@pytest.fixture(scope="module")
def worlds() -> tuple[World, World]:
    tiny = presets.PRESETS["tiny"]
    few = {"length_median": 4.0, "length_min": 3, "length_max": 6, "junk": 0, "distractors": 0}
    return (
        replace(tiny, name="start-street", seed=950, **few),
        replace(tiny, name="start-hall", seed=951, style="hall", **few),
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("worlds")


@pytest.fixture(scope="module")
def planned(data: Path, worlds: tuple[World, World]) -> PlannedStart:
    return plan_start(18, FRAMES, 0, "cpu", "fp32", data, worlds)


@pytest.fixture(scope="module")
def trained(planned: PlannedStart, tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("whole")
    return train.train(planned, StepStore(work), work)


class Killed(BaseException):
    pass


def test_a_training_that_was_killed_goes_on_to_the_same_weights(
    planned: PlannedStart, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, made = loop._update, []

    def dies(*given: Any) -> dict[str, float]:
        if len(made) == 3:
            raise Killed
        made.append(1)
        return real(*given)

    monkeypatch.setattr(loop, "_update", dies)
    with pytest.raises(Killed):
        train.train(planned, StepStore(tmp_path), tmp_path, checkpoint_seconds=0.0)
    monkeypatch.setattr(loop, "_update", lambda *given: (made.append(1), real(*given))[1])
    again = train.train(planned, StepStore(tmp_path), tmp_path)
    assert len(made) == 5  # three before, two after: none was made twice
    assert (again / train.WEIGHTS).read_bytes() == (trained / train.WEIGHTS).read_bytes()
    assert json.loads((again / "log.json").read_text()) == json.loads((trained / "log.json").read_text())


def test_people_of_two_worlds_are_different_identities(planned: PlannedStart) -> None:
    labels = train.labels_of(planned)
    first = len(planned.splits[0].train)
    assert set(labels[:first]) == set(range(8))
    assert set(labels[first:]) == set(range(8, 16))
    assert planned.identities == 16


def test_a_seed_decides_the_initial_weights_and_torchs_own_state_does_not(planned: PlannedStart) -> None:
    torch.manual_seed(1)
    one = train.build_network(planned, 16).state_dict()
    torch.manual_seed(2)
    same = train.build_network(planned, 16).state_dict()
    other = train.build_network(replace(planned, seed=1), 16).state_dict()
    assert all(torch.equal(value, same[name]) for name, value in one.items())
    assert not torch.equal(one["trunk.conv1.weight"], other["trunk.conv1.weight"])


def test_the_packed_start_is_the_trunk_and_its_card_says_what_it_has_seen(
    planned: PlannedStart, trained: Path, tmp_path: Path
) -> None:
    card = pack.pack(planned, pack.made_here(trained, "a note"), tmp_path, tmp_path / "work", "some-start")
    assert card == read_card(tmp_path / "some-start.toml")
    assert {(one.seed, one.style) for one in card.has_seen} == {(950, "street"), (951, "hall")}
    assert {one.fingerprint for one in card.has_seen} == {split.fingerprint for split in planned.splits}
    assert (card.depth, card.training.identities, card.training.frames) == (18, 16, FRAMES)
    assert card.training.recipe["optimizer"]["lr"] == 1e-3
    assert card.training.initial == train.INITIAL
    weights = safetensors.load(trained / train.WEIGHTS)
    stored = state_of(card)
    assert set(stored) == {
        name.removeprefix("trunk.")
        for name in weights
        if name.startswith("trunk.") and not name.endswith("num_batches_tracked")
    }
    for name, value in stored.items():
        before = weights[f"trunk.{name}"]
        assert float((value - before).abs().max()) <= 0.51 / 127 * float(before.abs().max())
    assert 0 < card.largest_error <= 0.00395
    for one in card.held_out:
        assert one.people == 10
        assert 0 < one.mAP < 100
        assert abs(one.mAP - one.mAP_8_bits) < 5


def test_weights_of_another_training_are_packed_with_what_is_known_of_them(
    planned: PlannedStart, trained: Path, tmp_path: Path
) -> None:
    made = pack.made_elsewhere(trained / train.WEIGHTS, trained / "log.json", "the default state of a generator")
    card = pack.pack(planned, made, tmp_path, tmp_path / "work")
    assert card.name == "synthwalk-resnet18"
    assert card.training.initial == "the default state of a generator"
    assert card.training.runtime == {}
    (tmp_path / "empty.json").write_text("[]")
    with pytest.raises(RunError, match="expected rows of a training curve"):
        pack.made_elsewhere(trained / train.WEIGHTS, tmp_path / "empty.json", "x")


def test_weights_that_are_no_training_are_refused(planned: PlannedStart, tmp_path: Path) -> None:
    made = pack.Made({"conv1.weight": torch.zeros(1)}, [], {"initial": ""}, {})
    with pytest.raises(RunError, match=r"no entry that begins with 'trunk\.'"):
        pack.pack(planned, made, tmp_path, tmp_path)


def test_worlds_that_are_reported_are_not_learned_from(data: Path, worlds: tuple[World, World]) -> None:
    with pytest.raises(RunError, match=r"has seed 1, and starts learn from seeds 900 to 999 alone"):
        plan_start(18, FRAMES, 0, "cpu", "fp32", data, (replace(worlds[0], seed=1), worlds[1]))
    for name in read_start_recipe().worlds:
        assert synthwalk.preset(name).seed in RESERVED_FOR_START
    others = {name: one.seed for name, one in presets.PRESETS.items() if name not in read_start_recipe().worlds}
    assert not set(others.values()) & set(RESERVED_FOR_START)


def test_the_command_trains_packs_and_shows(
    data: Path, worlds: tuple[World, World], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setitem(presets.PRESETS, "start-street", worlds[0])
    monkeypatch.setitem(presets.PRESETS, "start-hall", worlds[1])
    monkeypatch.chdir(tmp_path)
    how = ["--depth", "18", "--frames", "128", "--device", "cpu", "--precision", "fp32", "--data", str(data)]
    assert start.main([*how, "--out", "made/own.safetensors"]) == 0
    assert "own: ResNet-18" in capsys.readouterr().out
    assert start.main(["show", "made/own.safetensors", "--json"]) == 0
    (facts,) = json.loads(capsys.readouterr().out)
    assert facts["training"]["frames"] == 128
    assert facts["sha256"] == toml.read(Path("made/own.toml"))["sha256"]
    assert start.main(["pack", *how, "--out", "made/again.safetensors"]) == 0
    assert Path("made/own.safetensors").read_bytes() == Path("made/again.safetensors").read_bytes()
    content = bytearray(Path("made/own.safetensors").read_bytes())
    content[-1] ^= 1
    Path("made/own.safetensors").write_bytes(content)
    capsys.readouterr()
    assert start.main(["show", "made/own.safetensors"]) == 2
    assert "but its card says" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--depth", "34"], "--depth 34"),
        (["--frames", "10"], "--frames 10"),
        (["--out", "weights.pth"], "--out weights.pth"),
        (["--out", "My Start.safetensors"], "My Start"),
        (["pack", "--weights", "some.safetensors"], "go together"),
        (["show", "nothing.safetensors"], "nothing.toml"),
    ],
)
def test_bad_input_is_one_sentence(
    words: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert start.main(words) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert told in said[-1]
    assert not Path("data").exists()


def test_the_recipe_is_what_the_shipped_starts_were_trained_by() -> None:
    """Worked values: length, batch and losses at the beginning, where nothing is known of 4,000 people."""
    recipe = read_start_recipe()
    assert recipe.depths == {50: 140_000, 18: 100_000}
    assert (recipe.stage.sampler.batch, dict(recipe.stage.losses)) == (64, {"cross_entropy": 1.0})
    people = sum(synthwalk.preset(name).train_ids for name in recipe.worlds)
    assert math.log(people) == pytest.approx(8.294, abs=1e-3)
