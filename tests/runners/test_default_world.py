"""The default world and the one before it lie in folders of their own, and records of them say which they are of."""

from dataclasses import replace
from pathlib import Path

import pytest

from datasets import synthwalk
from datasets.synthwalk import presets
from runners.derived_data.annotations import WORLD
from runners.derived_data.load import folder_name, load_data
from runners.plan.splits import dataset_record
from tests.reports import fake

BEFORE = "synthwalk-v2-64x32"  # the default folder of SynthWalk 1, before there was another default
TINY = presets.preset("tiny", seed=7, height=32, width=16, train_ids=2, test_ids=2, distractors=0, junk=0)


def test_no_world_is_rendered_into_the_folder_of_another_or_of_the_default_before() -> None:
    names = [folder_name(presets.preset(name)) for name in ("embedded", "embedded-1", WORLD)]
    assert names == ["synthwalk-embedded-2-v2-64x32", "synthwalk-embedded-v2-64x32", f"synthwalk-{WORLD}-v2-64x32"]
    assert BEFORE not in names


def test_an_old_default_folder_is_left_alone_and_can_still_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = replace(TINY, name="embedded"), replace(TINY, name="embedded-2", occluded_share=1.0)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(presets.PRESETS, "embedded", new)
    synthwalk.render(old, Path("data") / BEFORE)
    before = {path: path.stat().st_mtime_ns for path in Path("data", BEFORE).rglob("*")}
    by_default = load_data("synthwalk", None, (32, 16))
    named = load_data("synthwalk", f"data/{BEFORE}", (32, 16))
    assert by_default.root.name == "synthwalk-embedded-2-v2-32x16"
    assert {path: path.stat().st_mtime_ns for path in Path("data", BEFORE).rglob("*")} == before
    first, second = dataset_record(by_default), dataset_record(named)
    assert (first["world"], second["world"]) == ("embedded-2", "embedded")
    assert first["fingerprint"] != second["fingerprint"]
    assert first["name"] == second["name"] == "synthwalk"


def test_the_world_is_told_beside_the_data_set_where_it_was_recorded() -> None:
    from reports.sections.results.tables import data_label

    assert data_label({**fake.DATASET, "world": "embedded-2"}) == "SynthWalk (embedded-2)"
    assert data_label(fake.DATASET) == "SynthWalk", "records of before named no world"
    assert data_label({"name": "synthwalk-duke", "world": "tiny"}) == "SynthWalk as DukeMTMC-VideoReID (tiny)"
