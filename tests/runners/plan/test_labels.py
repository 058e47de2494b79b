"""Whose attributes an arm learns, and what that changes: from ADFD's card, without any training."""

from typing import Any

import pytest

import methods
from datasets.attributes import Group
from runners.errors import RunError
from runners.pipeline.selection import choose_arms, choose_label_sources, choose_runs
from runners.plan.plan import labels_of, plan_stages, with_attribute_groups
from runners.plan.plan_types import Annotated, ArmRun, JobConfig
from tests.runners.job_config import config

GROUPS = (Group("upper body", ("shirt", "coat", "top: red")), Group("attachments", ("backpack",)))
OTHERS = (Group("upper body", ("coat",)), Group("shoes", ("boots", "leather")), Group("attachments", ("box",)))
ANNOTATION = Annotated("0" * 32, "truth", "a" * 32, GROUPS)
SOURCE = Annotated("5" * 32, "elsewhere", "b" * 32, OTHERS)
DIRECT = ("b", "c", "d", "e", "adfd")
TRANSFERRED = ("f-bce", "f-wbce", "f-bce-mmd", "f-wbce-mmd")
ON_SOURCE = ("transfer-bce", "transfer-wbce")
ON_BOTH = ("transfer-bce-mmd", "transfer-wbce-mmd")


def _setting(**changes: Any) -> JobConfig:
    return config("adfd", **{"annotation": ANNOTATION, "source": SOURCE, **changes})


def _run(name: str) -> ArmRun:
    return ArmRun(methods.arm(name, "adfd"))


def _last(name: str, **changes: Any) -> str:
    return plan_stages(_run(name), 0, _setting(**changes))[-1].step.fingerprint


def _changed(names: tuple[str, ...], **changes: Any) -> list[bool]:
    return [_last(name) != _last(name, **changes) for name in names]


def test_networks_are_built_for_the_attributes_that_there_are() -> None:
    assert with_attribute_groups(_run("adfd"), _setting()).arm.settings()["groups"] == [3, 1]
    assert with_attribute_groups(_run("f-wbce"), _setting()).arm.settings()["groups"] == [1, 2, 1]
    assert with_attribute_groups(_run("transfer-wbce"), _setting()).arm.settings()["groups"] == [1, 2, 1]
    for text in ("adfd", "a"):
        assert with_attribute_groups(_run(text), _setting()).text == _run(text).text
    assert with_attribute_groups(_run("a"), _setting()) == _run("a")  # it learns none


def test_another_annotation_changes_what_learns_from_it_and_nothing_else() -> None:
    other = Annotated("0" * 32, "truth", "c" * 32, GROUPS)
    assert all(_changed(DIRECT, annotation=other))
    assert not any(_changed(("start", "a", *TRANSFERRED, *ON_SOURCE, *ON_BOTH), annotation=other))


def test_another_source_changes_labellers_and_who_learns_from_them() -> None:
    other = Annotated("6" * 32, "elsewhere", "d" * 32, OTHERS)
    assert all(_changed((*ON_SOURCE, *ON_BOTH, *TRANSFERRED), source=other))
    assert not any(_changed(("start", "a", *DIRECT), source=other))


def test_only_a_labeller_that_sees_the_target_depends_on_it() -> None:
    assert all(_changed(ON_BOTH, data="1" * 32))
    assert not any(_changed(ON_SOURCE, data="1" * 32))
    own = [plan_stages(_run(name), 0, _setting())[-1] for name in ON_SOURCE]
    assert {stage.stage.domain for stage in own} == {"source"}
    labels = {d: labels_of(methods.arm("transfer-bce", "adfd"), 0, _setting(data=d * 32)) for d in ("0", "1")}
    assert labels["0"].fingerprint != labels["1"].fingerprint  # other people are labelled


def test_labels_name_their_labeller_and_its_attributes() -> None:
    labels = plan_stages(_run("f-wbce-mmd"), 3, _setting())[-1].labels
    assert labels is not None and labels.labeller is not None
    assert labels.name == "transfer-wbce-mmd"
    assert labels.sizes == (1, 2, 1)
    assert labels.columns == ("coat", "boots", "leather", "box")
    assert labels.labeller.seed == 3
    label_source = plan_stages(_run("adfd"), 0, _setting())[-1].labels
    assert label_source is not None and (label_source.name, label_source.step) == ("annotated", None)


def test_nothing_tells_attributes() -> None:
    with pytest.raises(RunError, match="--attributes"):
        _last("adfd", annotation=None)
    for name in ("f-bce", "transfer-bce"):
        with pytest.raises(RunError, match="--source"):
            _last(name, source=None)
    _last("a", annotation=None, source=None)
    _last("f-bce", annotation=None)


def test_what_an_arm_starts_from_learned_from_the_same_labels() -> None:
    """Else an arm on transferred labels would have seen the true ones."""
    chains = {name: plan_stages(_run(name), 0, _setting()) for name in ("adfd", "d", "f-bce", "f-wbce-mmd")}
    assert chains["adfd"][0].step.fingerprint == chains["d"][0].step.fingerprint
    for name in ("f-bce", "f-wbce-mmd"):
        first, last = chains[name]
        assert first.labels is not None and last.labels is not None
        assert first.labels.name == last.labels.name == name.replace("f-", "transfer-")
        assert first.step.fingerprint != chains["d"][0].step.fingerprint


def test_labellers_are_no_rows_and_come_with_whoever_needs_them() -> None:
    card = methods.paper("adfd")
    everyone = [arm.text for arm in choose_arms(card, ["all"])]
    assert not any(name.startswith("transfer") for name in everyone)
    assert [arm.text for arm in choose_arms(card, [])] == ["a", "adfd", *(n for n in card.arms if n in "bcde")]
    with pytest.raises(RunError, match="labels people"):
        choose_arms(card, ["transfer-bce"])
    runs = choose_runs(choose_arms(card, ["f-wbce-mmd"]), "none")
    assert [arm.text for arm in choose_label_sources(card, runs, default=False)] == ["transfer-wbce-mmd"]
