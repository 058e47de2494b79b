"""Words that a floor spells for itself, as it may not import them, are those that results are recorded with."""

import ast
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

import datasets.attributes.attribute
import datasets.repaired
import datasets.sampling.snippets
import methods.cards.card
import methods.cards.recipe
import methods.cards.validation
from protocols import vocabulary
from protocols.admission import _CHECKS
from protocols.ground_truth import masks
from protocols.ranking import conventions
from reports.records import kinds
from reports.records.restoration import RepairPictureRow
from reports.schema import controls, metrics
from reports.schema import vocabulary as words
from reports.sections.results import tables
from reports.sections.test_time import tables as test_time_tables
from reports.store import repairer_names
from reports.store.reader import artifact_names
from runners.plan.import_closure import HOUSE
from runners.plan.plan_types import Control

UNKNOWN = "unknown"


def test_cards_speak_of_conventions_as_protocols_do() -> None:
    hints = get_type_hints(methods.cards.card.Convention)
    for field, word in (
        ("gallery", conventions.Gallery),
        ("ap", conventions.Precision),
        ("empty", conventions.Empty),
        ("metric", vocabulary.Metric),
    ):
        assert get_args(hints[field]) == (*get_args(word), UNKNOWN), field


def test_cards_name_the_accuracies_sides_and_masks_that_are_measured() -> None:
    assert methods.cards.validation.METRICS == vocabulary.ACCURACIES
    assert methods.cards.validation.SIDES == vocabulary.SIDES
    assert methods.cards.validation.MASK_MEASURES == masks.MEASURES
    assert get_args(methods.cards.card.Mechanism) == vocabulary.MECHANISMS
    assert get_args(methods.cards.recipe.Precision) == ("auto", *vocabulary.ARITHMETICS)


def test_data_sets_cut_and_label_with_the_words_of_records() -> None:
    assert get_args(datasets.sampling.snippets.Rest) == vocabulary.RESTS
    assert get_args(datasets.attributes.attribute.Kind) == words.ATTRIBUTE_KINDS
    assert get_args(datasets.attributes.attribute.Level) == words.ATTRIBUTE_LEVELS
    assert get_args(datasets.attributes.attribute.Polarity) == words.POLARITIES


def test_every_repairer_without_learning_has_a_label() -> None:
    assert {words.ORACLE, words.DROP} <= set(datasets.repaired.names())
    assert set(repairer_names.BUILT_IN) == {words.RAW, *datasets.repaired.names()}


def test_every_word_has_a_label() -> None:
    assert set(controls.CONTROL_LABELS) == set(controls.CONTROLS)
    assert set(controls.CONTROLS) == {*get_args(vocabulary.Control), "colour"}
    assert get_args(Control) == (*vocabulary.CONTROLS, *vocabulary.UNTRAINED_CONTROLS)
    assert set(test_time_tables.FAMILIES) == set(vocabulary.FAMILIES)
    assert set(test_time_tables.REST) == {"", *vocabulary.RESTS}
    assert set(tables.SIDE_WORDS) == set(vocabulary.SIDES)
    assert set(tables.PRECISION_WORDS) == set(vocabulary.ARITHMETICS)
    assert set(vocabulary.ACCURACIES) <= set(metrics.METRIC_LABELS)
    assert metrics.METRIC_LABELS["rank10"] == "Rank-10"
    assert metrics.METRIC_LABELS["V2I/rank10"] == "V2I rank-10"
    assert set(words.REPAIR_PICTURES) <= RepairPictureRow.__required_keys__


def test_every_kind_of_result_is_read_and_kept() -> None:
    stems = {kind.name: kind.stem for kind in kinds().values()}
    assert stems == {
        "masks": "explain", "restoration": "repair", "frame_weights": "weights", "attributes": "attributes",
        "test_time": "choices", "labels": "labels",
    }  # fmt: skip
    kept = {f"{stem}.{ending}" for stem in stems.values() for ending in ("json", "npz")}
    assert kept | {"result.json", "per_query.npz", "cost.json"} <= set(artifact_names())


def test_every_check_that_a_protocol_may_require_is_known() -> None:
    assert set(_CHECKS) == set(vocabulary.CHECK_NAMES)


SPELT = (
    vocabulary.DISTANCE_METRICS, vocabulary.SIDES, vocabulary.RESTS, vocabulary.MEANS, vocabulary.FAMILIES,
    vocabulary.ARITHMETICS, vocabulary.ACCURACIES, vocabulary.CONTROLS, vocabulary.ORACLES,
    vocabulary.UNTRAINED_CONTROLS, vocabulary.CHECK_NAMES, vocabulary.WHO,
    vocabulary.REFERENCES, words.RUN_KINDS, words.REPAIR_PICTURES, vocabulary.CALL_SCORES,
    words.ATTRIBUTE_KINDS,
)  # fmt: skip


@pytest.mark.parametrize("floor", ["protocols", "runners", "reports"])
def test_no_list_of_recorded_words_is_spelt_a_second_time(floor: str) -> None:
    """A protocol of the catalogue names the sides and checks that it has, which may be all."""
    found = []
    for path in sorted((HOUSE / floor).rglob("*.py")):
        if path.name == "vocabulary.py" or "catalogue" in path.parts:
            continue
        found += [f"{path.relative_to(HOUSE)}:{line}" for line, listed in _lists(path) if listed in SPELT]
    assert not found


def _lists(path: Path) -> list[tuple[int, tuple[str, ...]]]:
    """Lists of nothing but text, with their lines."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            values = [one.value for one in node.elts if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            if len(values) == len(node.elts):
                found.append((node.lineno, tuple(values)))
    return found
