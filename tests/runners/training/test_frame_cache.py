"""Frames and features that other code made are not taken for what the present code would make."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from datasets.images import decode
from runners.plan import frame_cache
from runners.plan.frame_cache import folder_of_frames
from runners.plan.step_store import StepStore
from runners.training import frame_pass, stage
from runners.training.frame_pass import FramePass
from tests.runners.small import random_frames, seeded


def test_decoded_frames_lie_in_a_folder_of_the_code_that_decodes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder_of_frames.cache_clear()
    before = folder_of_frames(tmp_path)
    assert before.parent == tmp_path / "frames"
    assert "may be removed" not in capsys.readouterr().err
    before.mkdir(parents=True)
    np.save(before / "frames.npy", np.zeros(1000, dtype=np.uint8))
    folder_of_frames.cache_clear()
    assert folder_of_frames(tmp_path) == before
    assert "may be removed" not in capsys.readouterr().err
    monkeypatch.setattr(frame_cache, "code_digest", lambda kind: "of other code")
    folder_of_frames.cache_clear()
    assert folder_of_frames(tmp_path) != before
    assert "frames were decoded by other code and are not used; they may be removed" in capsys.readouterr().err
    folder_of_frames.cache_clear()


@pytest.mark.parametrize("changed", ["decoder", "code"])
def test_features_are_made_again_by_another_decoder_or_other_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    split, steps = SimpleNamespace(name="mars", fingerprint="f"), StepStore(tmp_path)
    store = random_frames(np.array([3, 2]))

    def made() -> Path:
        return stage.frame_features(seeded(), FramePass(split, "test", store, "imagenet", "cpu", "fp32"), steps)

    first = made()
    assert made() == first
    if changed == "decoder":
        monkeypatch.setattr(decode, "version", lambda: "another 1.0")
    else:
        monkeypatch.setattr(frame_pass, "code_digest", lambda kind, modules: "other")
    assert made() != first
