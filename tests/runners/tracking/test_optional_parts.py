"""What may stand beside a result, as the writer keeps it: repairs, frame weights, attributes, labels."""

import math
from typing import Any

import numpy as np
import pytest

from reports.records import restoration
from reports.records.interface import digest_of
from reports.records.labels import KIND as LABELS
from reports.records.labels import Labels
from runners.errors import RunError
from runners.tracking import tags_and_metrics as content
from runners.tracking.mlflow_writer import Store
from tests.reports import fake, fake_adfd, fake_vrstc
from tests.runners.recorded import BASELINE, all_runs, begin, record


def record_repaired(store: Store, parent: str, **changes: Any) -> str:
    """One arm that is judged on repaired data, with what its repairer did."""
    arrays = fake_vrstc.per_query("vrstc", 0)
    restored = fake_vrstc.repair("stcnet-gen", 0)
    result = fake_vrstc.result("vrstc", 0, arrays) | changes
    return store.record_arm(parent, result, arrays, None, [], {"restoration": restored})


def test_what_a_repairer_did_is_stored_with_its_numbers(store: Store) -> None:
    parent = begin(store)
    run = store.client.get_run(record_repaired(store, parent))
    names = {file.path for file in store.client.list_artifacts(run.info.run_id)}
    assert {"repair.json", "repair.npz"} <= names and "explain.json" not in names
    told = fake_vrstc.repair("stcnet-gen", 0).record
    metrics = run.data.metrics
    assert metrics["repair/psnr"] == pytest.approx(told["measures"]["psnr"]["mean"], abs=1e-6)
    assert metrics["repair/psnr/raw"] == pytest.approx(told["raw"]["psnr"]["mean"], abs=1e-6)
    assert metrics["repair/calls/auc"] == pytest.approx(told["detection"]["auc"]["mean"], abs=1e-6)
    assert (run.data.tags["trained_on"], run.data.params["tested_on"]) == ("stcnet-gen", "stcnet-gen")
    plain = store.client.get_run(record(store, parent)).data
    assert plain.tags["tested_on"] == "raw"
    assert not any(name.startswith("repair/") for name in plain.metrics)
    assert record_repaired(store, parent) == run.info.run_id  # found again


def test_a_repairer_without_measures_or_calls_has_few_numbers() -> None:
    assert set(restoration.metrics(fake_vrstc.repair(fake_vrstc.DROP, 0))) == {
        "repair/pixel_share", "repair/calls/share_called", "repair/calls/precision", "repair/calls/recall",
        "repair/calls/auc",
    }  # fmt: skip
    assert not any("calls" in name for name in restoration.metrics(fake_vrstc.repair("oracle", 0)))


def test_a_repair_beside_raw_data_or_a_control_is_refused_before_anything_is_recorded(store: Store) -> None:
    parent = begin(store)
    raw = {"data": {"train": "raw", "test": "raw", "base": "nl"}}
    with pytest.raises(RunError, match=r"has repair\.json, but data\.test = 'raw'"):
        record_repaired(store, parent, **raw)
    with pytest.raises(RunError, match="but control shuffled"):
        record_repaired(store, parent, control="shuffled", of="vrstc")
    assert len(all_runs(store, parent)) == 1


def test_a_record_without_repair_keeps_the_digest_that_it_had(store: Store) -> None:
    parent = begin(store)
    arrays = fake.per_query(0.0, 0, "baseline")
    tags = store.client.get_run(record(store, parent)).data.tags
    assert tags["result_digest"] == content.digest([fake.result(*BASELINE, 0, arrays), {}])


def record_with_attributes(store: Store, parent: str, seed: int = 0, **parts: Any) -> str:
    """One arm that weighs frames and recognises attributes; parts may be replaced, or None to leave one out."""
    arrays = fake_adfd.per_query("adfd", 0)
    given = {"frame_weights": fake_adfd.weights("adfd", seed), "attributes": fake_adfd.attributes("adfd", seed)} | parts
    given = {name: part for name, part in given.items() if part}
    return store.record_arm(parent, fake_adfd.result("adfd", 0, arrays), arrays, None, [], given)


def test_frame_weights_and_attributes_are_stored_with_their_numbers(store: Store) -> None:
    parent = begin(store)
    run = store.client.get_run(record_with_attributes(store, parent))
    names = {file.path for file in store.client.list_artifacts(run.info.run_id)}
    assert {"weights.json", "weights.npz", "attributes.json", "attributes.npz"} <= names
    measures = fake_adfd.weights("adfd", 0).record["maps"][1]["measures"]
    metrics = run.data.metrics
    assert metrics["weights/frames/upper-body/correlation"] == pytest.approx(measures["correlation"]["mean"], abs=1e-6)
    assert metrics["weights/frames/upper-body/gain"] == pytest.approx(measures["gain"]["mean"], abs=1e-6)
    assert metrics["attributes/head-and-shoulders/balanced_accuracy"] > 50
    assert metrics["attributes/all/balanced_accuracy"] > 50
    assert "attributes/shoes/balanced_accuracy" not in metrics  # nobody has boots
    plain = store.client.get_run(record(store, parent)).data.metrics
    assert not any(name.startswith(("weights/", "attributes/")) for name in plain)


def test_parts_are_found_again_and_other_answers_are_another_result(store: Store) -> None:
    parent = begin(store)
    first = record_with_attributes(store, parent)
    tag = store.client.get_run(first).data.tags["result_digest"]
    assert record_with_attributes(store, parent) == first
    assert store.client.get_run(first).data.tags["result_digest"] == tag
    told = fake_adfd.attributes("adfd", 0)
    other = dict(told.arrays) | {"probability": 1 - told.arrays["probability"]}  # the record says nothing of it
    assert record_with_attributes(store, parent, attributes=type(told)(told.record, other)) == first
    after = store.client.get_run(first).data
    assert after.tags["result_digest"] != tag
    assert after.metrics["attributes/all/balanced_accuracy"] < 50
    record_with_attributes(store, parent, frame_weights=None, attributes=None)
    arrays = fake_adfd.per_query("adfd", 0)
    bare = content.digest([fake_adfd.result("adfd", 0, arrays), {}])  # as before there were such parts
    assert store.client.get_run(first).data.tags["result_digest"] == bare
    assert len(all_runs(store, parent)) == 2


def test_damaged_parts_are_refused_before_anything_is_recorded(store: Store) -> None:
    parent = begin(store)
    told = fake_adfd.weights("adfd", 0)
    with pytest.raises(RunError, match="counts 3 people"):
        record_with_attributes(store, parent, frame_weights=type(told)(told.record | {"people": 3}, told.arrays))
    answers = fake_adfd.attributes("adfd", 0)
    wrong = type(answers)(answers.record, dict(answers.arrays) | {"probability": np.full((120, 7), math.nan)})
    with pytest.raises(RunError, match="chances from 0 to 1"):
        record_with_attributes(store, parent, attributes=wrong)
    assert len(all_runs(store, parent)) == 1


def test_labels_are_attached_once_to_the_job(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    parent = begin(store)
    told = fake_adfd.labels()
    store.attach(parent, "labels", told)
    names = {file.path for file in store.client.list_artifacts(parent)}
    assert {"labels.json", "labels.npz"} <= names
    metrics = store.client.get_run(parent).data.metrics
    assert metrics["labels/label-wbce/balanced_accuracy"] > metrics["labels/label-bce/balanced_accuracy"] + 10
    assert metrics["labels/label-wbce/source_balanced_accuracy"] > metrics["labels/label-wbce/balanced_accuracy"]
    written = []
    monkeypatch.setattr(Store, "_files", lambda self, run_id, files: written.append(sorted(files)))
    store.attach(parent, "labels", told)
    assert written == []
    other = dict(told.arrays) | {"truth": 1 - told.arrays["truth"]}
    store.attach(parent, "labels", Labels(told.record, other))
    assert written == [["labels.json", "labels.npz"]]


def test_labels_of_other_seeds_stay(store: Store) -> None:
    parent = begin(store)
    told = fake_adfd.labels()
    store.attach(parent, "labels", told)
    everyone = {(one["arm"], one["seed"]) for one in told.record["labellers"]}
    first = [one for one in told.record["labellers"] if one["seed"] == 0]
    assert 0 < len(first) < len(everyone)
    of_first = {f"{one['arm']}/0/" for one in first}
    arrays = {k: a for k, a in told.arrays.items() if "/" not in k or any(k.startswith(name) for name in of_first)}
    before = store.client.get_run(parent).data.tags["labels_digest"]
    store.attach(parent, "labels", Labels(told.record | {"labellers": first}, arrays))
    found = store._attached(parent, LABELS)
    assert {(one["arm"], one["seed"]) for one in found.record["labellers"]} == everyone
    assert set(found.arrays) == set(told.arrays)
    # Labels of other people cannot stand beside these.
    other = {**arrays, "truth": 1 - arrays["truth"]}
    store.attach(parent, "labels", Labels(told.record | {"labellers": first}, other))
    assert store._attached(parent, LABELS).record["labellers"] == first
    assert store.client.get_run(parent).data.tags["labels_digest"] != before


def test_damaged_labels_are_refused_and_nothing_is_written(store: Store) -> None:
    parent = begin(store)
    told = fake_adfd.labels()
    arrays = {key: array for key, array in told.arrays.items() if key != "label-bce/1/probability"}
    with pytest.raises(RunError, match="lacks label-bce/1/probability"):
        store.attach(parent, "labels", Labels(told.record, arrays))
    assert not any(file.path.startswith("labels") for file in store.client.list_artifacts(parent))


def test_the_digest_of_arrays_knows_names_types_shapes_and_bytes() -> None:
    array = np.arange(6)
    same = digest_of({"b": array, "a": array.reshape(2, 3)})
    assert digest_of({"a": array.reshape(2, 3), "b": array}) == same
    table = array.reshape(2, 3)
    others = [
        {"a": array, "b": array}, {"a": table}, {"a": table, "c": array}, {"a": table.astype(np.int32), "b": array},
        {"a": table + 1, "b": array},
    ]  # fmt: skip
    assert len({digest_of(one) for one in others} | {same}) == len(others) + 1
