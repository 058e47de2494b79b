"""Descriptors that are read by the folder of a judge step: its result says how, and may be damaged."""

import json
from pathlib import Path
from typing import Any

import pytest

from reports.errors import ReportError
from runners.evaluation.recorded_descriptors import of_step
from tests.fuzz import stored


@pytest.fixture
def step(tmp_path: Path) -> Path:
    stored.judge_step(tmp_path)
    return tmp_path / "step"


def test_images_ask_and_videos_answer(step: Path) -> None:
    found = of_step(step)
    assert found.name == "descriptors"
    assert (len(found.query), len(found.gallery)) == (4, 8)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda result: [result], "it is a list, expected an object"),
        (lambda result: {}, "it lacks command, fingerprint, protocol"),
        (lambda result: result | {"fingerprint": 7}, "fingerprint is 7, expected a text"),
        (lambda result: result | {"protocol": None}, "protocol is null, expected an object"),
        (lambda result: result | {"protocol": {"sides": "I2V"}}, "sides is a text, expected a list"),
        (lambda result: result | {"protocol": {"sides": ["X2V"]}}, "sides.0. is 'X2V', expected 'I2V', 'I2I'"),
    ],
)
def test_a_damaged_result_is_one_sentence(step: Path, change: Any, told: str) -> None:
    file = step / "result.json"
    file.write_text(json.dumps(change(json.loads(file.read_text()))))
    with pytest.raises(ReportError, match=f"result.json is not of the form .*{told}") as caught:
        of_step(step)
    assert f"remove the folder {step}" in str(caught.value) and "\n" not in str(caught.value)
