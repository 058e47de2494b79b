"""JSON artifacts of a run as JSON Schema files: ``python -m reports.json_schemas`` writes them to ``docs/schemas``.

A file is called as the artifact that it describes.  What must hold beyond the form is in the checks of each record.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from files.atomic import write_text
from reports.records import kinds
from reports.records.cost import CostFile
from reports.records.result import ResultRecord, Strips
from reports.schema.json_form import json_schema
from reports.store.cards import CardForm

FOLDER = Path("docs/schemas")
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def forms() -> Mapping[str, Any]:
    """Name of every JSON artifact whose form is stated -> its `TypedDict`; those of kinds are found."""
    of_kinds = {kind.files[0]: kind.form for kind in kinds().values() if kind.form is not Any}
    return {
        "card.json": CardForm,
        "cost.json": CostFile,
        "result.json": ResultRecord,
        "strips.json": Strips,
        **of_kinds,
    }


def schema_text(name: str) -> str:
    """The JSON Schema (draft 2020-12) of an artifact such as ``result.json``, as its file holds it."""
    schema = {"$schema": _DIALECT, **json_schema(forms()[name]), "title": name}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def main(words: Sequence[str] | None = None) -> int:
    """Write all files, and remove those of artifacts that there are no more."""
    parser = argparse.ArgumentParser(prog="python -m reports.json_schemas", description=__doc__)
    parser.add_argument("--out", type=Path, default=FOLDER, help=f"folder (default: {FOLDER})")
    out: Path = parser.parse_args(words).out
    out.mkdir(parents=True, exist_ok=True)
    for name in forms():
        write_text(out / name, schema_text(name))
    for file in out.glob("*.json"):
        if file.name not in forms():
            file.unlink()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
