"""The JSON Schema files of ``docs/schemas`` are what the code reads, and all that releases recorded has that form."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from reports import json_schemas
from reports.records import kinds
from reports.schema.json_form import check_form
from tests.historic_results.rebuild import read_record
from tests.historic_results.test_historic_results import EXPORTS
from tests.places import HOUSE


def test_the_files_are_those_of_the_code(tmp_path: Path) -> None:
    (tmp_path / "gone.json").write_text("{}")
    assert json_schemas.main(["--out", str(tmp_path)]) == 0
    written = {file.name: file.read_text(encoding="utf-8") for file in tmp_path.iterdir()}
    kept = {file.name: file.read_text(encoding="utf-8") for file in (HOUSE / json_schemas.FOLDER).iterdir()}
    assert kept == written, "run `make schemas` and look at what changed: recorded files must stay readable"


def test_every_kind_of_result_has_one() -> None:
    assert {kind.files[0] for kind in kinds().values()} <= set(json_schemas.forms())


def _closed_objects(schema: Any) -> list[Any]:
    if isinstance(schema, dict):
        own = [schema] if schema.get("additionalProperties") is False else []
        return own + [found for inner in schema.values() for found in _closed_objects(inner)]
    return [found for inner in schema for found in _closed_objects(inner)] if isinstance(schema, list) else []


@pytest.mark.parametrize("name", json_schemas.forms())
def test_a_schema_names_its_artifact_and_lets_later_keys_through(name: str) -> None:
    schema = json.loads(json_schemas.schema_text(name))
    assert (schema["title"], schema["type"]) == (name, "object")
    assert schema["required"]
    assert _closed_objects(schema) == []


@pytest.mark.parametrize("folder", EXPORTS, ids=lambda folder: f"{folder.parent.name}-{folder.name}")
def test_what_a_release_recorded_has_the_form(folder: Path) -> None:
    forms, seen = json_schemas.forms(), Counter[str]()
    for path, content in read_record(folder).items():
        name = path.rpartition("/")[2]
        if name in forms:
            check_form(json.loads(content), forms[name], f"{path} of {folder.name}")
            seen[name] += 1
    assert seen["card.json"] == 1
    assert seen["result.json"] >= 1
    assert seen["strips.json"] == seen["result.json"]
