"""Maps of the frozen part of a trunk: made once, shared by networks that agree on them, and equal to pixels."""

import multiprocessing
import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import datasets
import methods
from datasets.frames.decoded import FrameStore
from datasets.tracklet import Split
from files import lock as lock_files
from methods.layers.resnet import Trunk, keep_until
from runners.plan.step_store import StepStore
from runners.training import trunk_maps as module
from runners.training.frame_features import TrunkMaps, extract_frame_features, trunk_frames_of
from runners.training.frame_pass import FramePass
from runners.training.trunk_maps import trunk_maps

LENGTHS = np.array([3, 5, 2], dtype=np.int64)
SIZE = (64, 32)


@pytest.fixture
def store() -> FrameStore:
    frames = np.random.default_rng(0).integers(0, 256, (int(LENGTHS.sum()), *SIZE, 3), dtype=np.uint8)
    return FrameStore(LENGTHS, SIZE, frames=frames)


def _network(seed: int, lasts: tuple[str, ...] = ("layer4.0",)) -> nn.Module:
    """Two of them differ in the last block of the trunk and in what follows."""
    torch.manual_seed(0)
    network = methods.create("baseline", num_ids=4, depth=18, embed=8)
    torch.manual_seed(seed)
    for parameter in (*network.trunk.layer4[1].parameters(), *network.embed.parameters()):
        nn.init.normal_(parameter, std=0.1)
    keep_until(network, lasts)
    return network.eval()


def _maps(network: nn.Module, store: FrameStore, split: Split, steps: StepStore) -> TrunkMaps | None:
    return trunk_maps(network, FramePass(split, "test", store, "imagenet", "cpu", "fp32"), steps)


def _features(network: nn.Module, store: FrameStore, folder: Path, given: TrunkMaps | None) -> np.ndarray:
    folder.mkdir()
    extract_frame_features(
        network, store, "imagenet", device="cpu", precision="fp32", folder=folder, title="t", given=given
    )
    return np.load(folder / "features.npy")


def test_features_from_maps_are_those_from_pixels_and_count_every_frame(
    store: FrameStore, tiny_world: Path, tmp_path: Path
) -> None:
    network, steps = _network(1), StepStore(tmp_path)
    maps = _maps(network, store, datasets.load("synthwalk", tiny_world), steps)
    assert maps is not None and maps.block == "layer4.0" and maps.maps.shape[:1] + maps.maps.shape[2:] == (10, 2, 1)
    fast = _features(network, store, tmp_path / "maps", maps)
    plain = _features(network, store, tmp_path / "pixels", None)
    np.testing.assert_allclose(fast, plain, rtol=1e-4, atol=1e-5)
    assert (
        trunk_frames_of(tmp_path / "maps" / "features.npy")
        == 10
        == trunk_frames_of(tmp_path / "pixels" / "features.npy")
    )


def test_networks_from_one_start_share_maps_and_others_do_not(
    store: FrameStore, tiny_world: Path, tmp_path: Path
) -> None:
    steps = StepStore(tmp_path)
    for seed in (1, 2):
        _maps(_network(seed), store, datasets.load("synthwalk", tiny_world), steps)
    assert len(list((tmp_path / "steps" / "maps").iterdir())) == 1
    other = _network(1)
    with torch.no_grad():
        other.trunk.conv1.weight += 0.01
    _maps(other, store, datasets.load("synthwalk", tiny_world), steps)
    assert len(list((tmp_path / "steps" / "maps").iterdir())) == 2


def test_there_are_none_where_nothing_is_kept_or_they_would_be_too_large(
    store: FrameStore, tiny_world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = StepStore(tmp_path)
    assert _maps(_network(1, ("layer4.0", "")), store, datasets.load("synthwalk", tiny_world), steps) is None
    made = _maps(_network(1), store, datasets.load("synthwalk", tiny_world), steps)
    assert made is not None
    monkeypatch.setattr(module, "LIMIT", made.maps.nbytes - 1)
    assert _maps(_network(1), store, datasets.load("synthwalk", tiny_world), steps) is None


def test_two_trunks_that_disagree_share_nothing(store: FrameStore, tiny_world: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = methods.create("tkp", num_ids=4, depth=18).eval()  # two trunks with initial values of their own
    keep_until(network, ["layer3"])
    assert _maps(network, store, datasets.load("synthwalk", tiny_world), StepStore(tmp_path)) is None
    trunks = [one for one in network.modules() if isinstance(one, Trunk)]
    trunks[1].load_state_dict(trunks[0].state_dict())
    assert _maps(network, store, datasets.load("synthwalk", tiny_world), StepStore(tmp_path)) is not None


def test_maps_that_another_process_makes_are_waited_for(
    store: FrameStore, tiny_world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    split = datasets.load("synthwalk", tiny_world)
    context = multiprocessing.get_context("spawn")
    begun, end = context.Event(), context.Event()
    _maps(_network(1), store, split, StepStore(tmp_path))
    (made,) = (tmp_path / "steps" / "maps").iterdir()
    lock = tmp_path / "steps" / "locks" / f"maps-{made.name}.lock"
    shutil.rmtree(made)
    other = context.Process(target=_hold, args=(lock, begun, end))
    other.start()
    assert begun.wait(60)
    threading.Timer(3.0, end.set).start()
    assert _maps(_network(1), store, split, StepStore(tmp_path)) is not None
    other.join(60)
    assert "is being made by another process" in " ".join(capsys.readouterr().err.split())


def _hold(file: Path, begun: Any, end: Any) -> None:
    with lock_files.held(file, busy=RuntimeError):
        begun.set()
        end.wait(60)
