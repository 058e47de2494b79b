"""In what numbers networks compute: fp32 is whole, other numbers are asked for, and what was used is told."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import methods
from protocols.errors import ProtocolError
from protocols.precision import why_not
from runners import compare, reproduce
from runners.cli.options import chosen_precision
from runners.errors import NotPossible, RunError
from runners.evaluate import as_data, as_text, evaluate
from runners.evaluation.descriptor_set import HEADLINE, Tracklets, read
from runners.evaluation.encode import EncodedTestSet
from runners.evaluation.import_export import of_set
from runners.evaluation.saved_descriptors import keep
from runners.plan import environment
from runners.plan.environment import PRECISIONS, choose_precision
from runners.plan.plan import plan_stages
from runners.plan.plan_types import ArmRun
from runners.training import loop
from runners.training.batches import BatchStream
from runners.training.sources import autocast, laid_out
from tests.runners.job_config import config

CPU = torch.device("cpu")


def test_the_papers_profile_is_fp32_on_any_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where bfloat16 is native; the embedded profile takes that and says so."""
    monkeypatch.setattr(environment, "_processor", lambda: {"name": "x", "flags": {"avx512_bf16"}})
    for key, wanted in (("gltr", "gltr-released"), ("cosam", "cosam"), ("tkp", "tkp-released")):
        run = ArmRun(methods.arm(wanted, methods.paper(key)))
        for profile, expected in (("paper", "fp32"), ("embedded", "bf16")):
            planned = plan_stages(run, 0, config(key, profile=profile))
            assert {one.precision for one in planned} == {expected}
            assert {one.step.inputs["precision"] for one in planned} == {expected}


def test_another_precision_is_another_step() -> None:
    run = ArmRun(methods.arm("gltr-released"))
    plain = config("gltr", profile="paper")
    asked = {one: plan_stages(run, 0, replace(plain, precision=one))[-1] for one in ("fp32", "bf16")}
    assert plan_stages(run, 0, plain)[-1].step.fingerprint == asked["fp32"].step.fingerprint
    assert asked["bf16"].step.fingerprint != asked["fp32"].step.fingerprint
    assert (asked["bf16"].precision, asked["bf16"].step.inputs["precision"]) == ("bf16", "bf16")


def test_the_filter_is_in_the_fingerprint() -> None:
    card = methods.paper("gltr")
    run = ArmRun(methods.arm("gltr-released", card))
    recipes = dict(card.recipes["paper"])
    recipes["released"] = replace(recipes["released"], resize="bilinear")
    other = replace(card, recipes={**card.recipes, "paper": recipes})
    one, two = (plan_stages(run, 0, config("gltr", card=each, profile="paper"))[-1] for each in (card, other))
    assert (one.resize, two.resize) == ("opencv-linear", "bilinear")
    assert one.step.fingerprint != two.step.fingerprint


@pytest.mark.parametrize("precision", ["tf32", "fp16"])
def test_what_a_cpu_does_not_compute_in_is_refused_by_name(precision: str) -> None:
    with pytest.raises(NotPossible, match=f"precision {precision} on cpu: .*; use --precision fp32"):
        choose_precision(precision, "cpu")


def test_unknown_numbers_are_named() -> None:
    with pytest.raises(RunError, match="precision 'fp8' is unknown; expected auto, fp32, tf32, bf16, fp16"):
        choose_precision("fp8", "cpu")
    with pytest.raises(ProtocolError, match="fp8"):
        why_not("fp8", CPU)
    assert [choose_precision(one, "cpu") for one in ("fp32", "bf16")] == ["fp32", "bf16"]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_switches_while_a_network_computes(precision: Any) -> None:
    """TF32 where it was asked for and nowhere else; torch leaves it on for convolutions."""
    matmul, conv = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, conv.allow_tf32
    try:
        matmul.allow_tf32, conv.allow_tf32 = False, True
        with autocast("cpu", precision):
            assert (matmul.allow_tf32, conv.allow_tf32) == (precision == "tf32",) * 2
            product = torch.ones(4, 4) @ torch.ones(4, 4)
        assert product.dtype == {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision, torch.float32)
        assert (matmul.allow_tf32, conv.allow_tf32) == (False, True)
    finally:
        matmul.allow_tf32, conv.allow_tf32 = before


def test_a_stage_computes_its_backward_pass_in_its_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a backward pass multiplies with is decided when it runs: the switches hold around the whole step."""
    conv, seen = torch.backends.cudnn, []

    class Looks(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, value: torch.Tensor) -> torch.Tensor:
            return value.clone()

        @staticmethod
        def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
            seen.append((conv.allow_tf32, torch.backends.cuda.matmul.allow_tf32))
            return gradient

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(3))

        def losses(self, clips: Any, mask: Any, labels: Any, wanted: Any) -> dict[str, torch.Tensor]:
            return {"cross_entropy": Looks.apply(self.weight * clips.mean()).sum()}

    class Given:
        def fetch(self, picks: Any) -> torch.Tensor:
            return torch.ones(2, 3)

        def losses(self, method: Any, batch: Any, picks: Any, wanted: Any) -> dict[str, torch.Tensor]:
            return method.losses(batch, None, None, wanted)

    stage = methods.paper("gltr").recipe("baseline", "paper").stages[0]
    batches = BatchStream(stage, np.array([4, 4]), np.array([0, 1]), seed=0)
    before = conv.allow_tf32
    for precision in ("fp32", "tf32", "bf16"):
        training = loop.StageTraining(
            stage, batches, Given(), steps=1, unit="epochs", seed=0, device="cpu", folder=tmp_path, title="x",
            precision=precision,
        )  # fmt: skip
        loop.train_stage(Net(), training)
    assert seen == [(False, False), (True, True), (False, False)]
    assert conv.allow_tf32 == before


def test_sixteen_bits_are_laid_out_for_their_convolutions() -> None:
    images = torch.zeros(2, 3, 4, 4)
    assert all(laid_out(images, one).is_contiguous(memory_format=torch.channels_last) for one in ("bf16", "fp16"))
    assert all(laid_out(images, one).is_contiguous() for one in ("fp32", "tf32"))


def test_commands_take_the_option() -> None:
    for module in (compare, reproduce):
        options = module.parser().parse_args(["--paper", "gltr", "--precision", "bf16"])
        assert chosen_precision(options, "cpu") == "bf16"
        assert chosen_precision(module.parser().parse_args(["--paper", "gltr"]), "cpu") is None


def test_kept_descriptors_tell_their_numbers(tmp_path: Path) -> None:
    """`evaluate` of an arm's own descriptors, as text and as JSON."""
    people, cameras = np.array([1, 2, 1, 2]), np.array([1, 1, 2, 2])
    asks = np.array([True, True, False, False])
    who = Tracklets(np.array(list("abcd")), people, cameras, np.full(4, 3), asks, ~asks)
    encoded = EncodedTestSet(np.eye(4, dtype=np.float32), {}, None, "all frames", {})
    result = {"arm": "gltr", "label": "GLTR", "seed": 0, "precision": "bf16", "fingerprint": "f" * 32}
    keep(tmp_path, encoded, who, result)
    found = of_set(read(tmp_path / HEADLINE))
    assert found.about["precision"] == "bf16"
    evaluated = evaluate(found)
    assert evaluated.notes[-1] == "Encoded in bf16."
    (told,) = as_data([evaluated], "command")["sets"]
    assert told["about"]["precision"] == "bf16" and "Encoded in bf16." in as_text([evaluated])
