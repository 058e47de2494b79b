"""Weights without the library: the same bytes, read by either."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from runners import weights

STATE = {
    "b.weight": torch.arange(12.0).reshape(3, 4), "steps": torch.tensor(5), "mask": torch.tensor([True, False, True]),
    "half": torch.linspace(0, 1, 3).bfloat16(), "none": torch.empty(0, 3),
    "a.weight": torch.ones(2, 2, dtype=torch.half),
}  # fmt: skip


def test_bytes_are_those_of_the_library(tmp_path):
    save_file(STATE, tmp_path / "theirs")
    weights.save_plainly(STATE, tmp_path / "ours")
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()


@pytest.mark.parametrize("load", [weights.load_plainly, load_file])
def test_what_is_written_plainly_is_read_back(tmp_path, load):
    weights.save_plainly({**STATE, "turned": STATE["b.weight"].T.contiguous()}, tmp_path / "file")
    found = load(tmp_path / "file")
    assert set(found) == {*STATE, "turned"}
    assert all(torch.equal(found[name], value) and found[name].dtype == value.dtype for name, value in STATE.items())


def test_without_the_library(monkeypatch, tmp_path):
    monkeypatch.setattr(weights, "library", None)
    weights.save({"turned": STATE["b.weight"].T}, tmp_path / "file")
    assert torch.equal(weights.load(tmp_path / "file")["turned"], STATE["b.weight"].T)
    (tmp_path / "short").write_bytes((tmp_path / "file").read_bytes()[:-4])
    with pytest.raises(ValueError, match="ends within turned"):
        weights.load(tmp_path / "short")
