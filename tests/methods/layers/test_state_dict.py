"""Checkpoints in the forms in which they are passed around: one rule for all papers' loaders."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import methods
from methods.cosam import released as cosam
from methods.gltr import released as gltr
from methods.tkp import released as tkp

IDS = 5
State = dict[str, Any]
COUNTER = "num_batches_tracked"


def of_gltr(network: nn.Module) -> State:
    """The authors' state dict with a network's own values."""
    kept = network.state_dict()
    return {
        gltr.theirs(name): value.transpose(1, 2)[:, None] if name.startswith("temporal.pyramid") else value
        for name, value in kept.items()
    }


def of_cosam(network: nn.Module) -> State:
    return {cosam.theirs(name, False): value for name, value in network.state_dict().items()}


def of_tkp(network: nn.Module) -> State:
    found: State = {"rank1": 0.75, "epoch": 149}
    for part, key in tkp.PARTS.items():
        state = network.get_submodule(part).state_dict()
        deep = {name for name, value in state.items() if part == "video" and value.ndim == 4}
        found[key] = {tkp._NAMES[part](n): v.unsqueeze(2) if n in deep else v for n, v in state.items()}
    return found


@pytest.fixture(scope="module", params=["gltr", "cosam", "tkp"])
def paper(request: pytest.FixtureRequest) -> tuple[str, nn.Module, Callable[[nn.Module, Any], None], State]:
    key = request.param
    options = {"reading": "released"} if key != "tkp" else {}
    torch.manual_seed(0)
    network = methods.create(key, IDS, frame_size=(64, 32), **options)
    load, layout = {
        "gltr": (gltr.load_released, of_gltr), "cosam": (cosam.load_released, of_cosam),
        "tkp": (tkp.load_released, of_tkp),
    }[key]  # fmt: skip
    for value in network.state_dict().values():
        if value.is_floating_point():
            value.normal_()
    return key, network, load, copied(layout(network))


def copied(state: State) -> State:
    """The same in memory of its own: a state dict is a view of its network."""
    return {
        name: copied(value) if isinstance(value, Mapping) else value.clone() if isinstance(value, Tensor) else value
        for name, value in state.items()
    }


def parts(key: str, state: State, change: Callable[[State], State]) -> State:
    """A change to the names and tensors, wherever they stand."""
    if key != "tkp":
        return change(state)
    return {name: change(value) if isinstance(value, Mapping) else value for name, value in state.items()}


def cleared(network: nn.Module) -> dict[str, Tensor]:
    """What the network was, after it was set to nothing."""
    before = {name: value.clone() for name, value in network.state_dict().items()}
    for value in network.state_dict().values():
        value.zero_()
    return before


CHANGES: dict[str, Callable[[State], State]] = {
    "as it is": dict,
    "DataParallel": lambda state: {f"module.{name}": value for name, value in state.items()},
    "without counters": lambda state: {name: value for name, value in state.items() if COUNTER not in name},
    "under state_dict": lambda state: {"state_dict": state, "rank1": np.float32(0.7), "epoch": 3},
    "both": lambda state: {
        "state_dict": {f"module.{name}": value for name, value in state.items() if COUNTER not in name}
    },
}


@pytest.mark.parametrize("form", CHANGES)
def test_what_does_not_change_a_network_is_dealt_with(paper: Any, form: str) -> None:
    key, network, load, state = paper
    before = cleared(network)
    load(network, parts(key, state, CHANGES[form]))
    for name, value in network.state_dict().items():
        assert COUNTER in name or torch.equal(value, before[name]), name


def test_without_a_classifier_the_methods_own_stays(paper: Any) -> None:
    key, network, load, state = paper
    own = {name: value.clone() for name, value in network.classifier.state_dict().items()}
    less = {k: v for k, v in state.items() if "classifier" not in k}
    load(network, less)
    assert all(torch.equal(value, own[name]) for name, value in network.classifier.state_dict().items())
    half = dict(less)
    if key == "tkp":
        half["classifier_state_dict"] = {"classifier.bias": torch.zeros(IDS)}
    else:
        half["classifier.bias"] = torch.zeros(IDS)
    with pytest.raises(methods.MethodError, match=r"missing classifier\.weight"):
        load(network, half)


def broken(key: str, state: State, value: Any) -> State:
    """The same with one entry replaced, of the image network where there are two."""
    part = "img_model_state_dict"
    if key == "tkp":
        name = next(iter(state[part]))
        return {**state, part: {**state[part], name: value(state[part][name])}}
    name = next(iter(state))
    return {**state, name: value(state[name])}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (lambda v: torch.full_like(v, float("nan")), r"\d+ of its \d+ values are not finite"),
        (
            lambda v: torch.where(torch.arange(v.numel()).view_as(v) == 3, float("inf"), v),
            r"1 of its \d+ values are not",
        ),
        (lambda v: v.numpy(), "is a ndarray, expected a tensor"),
        (lambda v: None, "is a NoneType, expected a tensor"),
        (lambda v: v.long(), r"has torch\.int64, expected numbers like torch\.float32"),
        (lambda v: v.to("meta"), r"has no values \(meta\)"),
        (lambda v: v[..., :1], r"has shape \[.*\], expected \["),
        (lambda v: v.to_sparse(), "has sparse values"),
    ],
)
def test_an_entry_that_cannot_be_taken_is_named_and_nothing_changes(paper: Any, value: Any, message: str) -> None:
    key, network, load, state = paper
    before = {name: one.clone() for name, one in network.state_dict().items()}
    with pytest.raises(methods.MethodError, match=message) as caught:
        load(network, broken(key, state, value))
    assert "weight" in str(caught.value)
    assert all(torch.equal(one, before[name]) for name, one in network.state_dict().items())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "the checkpoint is None, expected its file"),
        ([1], "the checkpoint is a list, expected"),
        ({1: torch.zeros(1)}, "the checkpoint has the key 1, and names are texts"),
        (nn.Linear(1, 1), r"the checkpoint is a network \(Linear\), .*; pass its state_dict\(\)"),
        ("no.pth", r"no\.pth is missing, expected a checkpoint of PyTorch"),
        (Path("no.pth"), r"no\.pth is missing"),
    ],
)
def test_what_is_no_checkpoint_is_told_in_one_sentence(paper: Any, given: Any, message: str) -> None:
    _, network, load, _ = paper
    with pytest.raises(methods.MethodError, match=message) as caught:
        load(network, given)
    assert "\n" not in str(caught.value)


def test_files_are_read_weights_only(paper: Any, tmp_path: Path) -> None:
    """TKP's script stores ``cmc[0]``, a NumPy number, which a bare ``torch.load`` refuses."""
    key, network, load, state = paper
    file = tmp_path / "best_model.pth.tar"
    rank = np.array([0.75], dtype=np.float32)[0]
    torch.save({**state, "rank1": rank} if key == "tkp" else {"state_dict": state, "rank1": rank, "epoch": 149}, file)
    before = cleared(network)
    load(network, str(file))
    assert all(torch.equal(one, before[name]) for name, one in network.state_dict().items())
    found = methods.load_checkpoint(file)
    assert found["rank1"] == np.float32(0.75)
    load(network, found)
    file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(methods.MethodError, match=r"best_model\.pth\.tar cannot be read as a checkpoint of PyTorch"):
        load(network, file)


class Runs:
    """Something that would run when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("this must not run",))


def test_nothing_in_a_file_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"rank1": Runs()}, tmp_path / "file")
    with pytest.raises(methods.MethodError, match="cannot be read as a checkpoint of PyTorch"):
        methods.load_checkpoint(tmp_path / "file")
    assert "must not run" not in capsys.readouterr().out


@pytest.mark.parametrize("count", [np.int64(5), np.uint8(5), torch.tensor(5)])
def test_any_whole_number_of_identities_will_do(count: Any) -> None:
    with torch.device("meta"):
        assert methods.create("gltr", count).classifier.out_features == 5


@pytest.mark.parametrize("count", [True, np.bool_(True), 5.0, np.float64(5), "5", None, 0, -3])
def test_what_is_no_number_of_identities_is_refused(count: Any) -> None:
    with pytest.raises(methods.MethodError, match="expected the number of training identities, at least 1"):
        methods.create("gltr", count)
