"""From descriptors under every choice to one record: accuracies, intervals, per-query results, slices by length.

Every choice is scored under the protocol's headline convention, so that what is fed is all that differs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.tracklet import Split
from protocols.interface import Protocol
from protocols.ranking import Ranking, rank_features
from protocols.ranking.by_length import RULE, LengthBin, by_gallery_length, length_bins
from protocols.test_time.inputs import Variants
from protocols.test_time.variants import Choice
from protocols.vocabulary import RANKS
from reports.records.test_time import KIND
from runners.errors import RunError
from runners.evaluation.encode import Ints, VariantDescriptors
from runners.evaluation.score import QueryGalleryLabels, intervals_of, metrics_of, to_npz
from runners.plan.step_store import write_bytes, write_json
from runners.progress import step_bar
from runners.training.frame_features import Floats

STEM = KIND.stem
_WORDS = ("name", "label", "family", "frames", "rest", "mean", "source", "curve")


@dataclass(frozen=True)
class ChoiceResults:
    """What `reports.records.test_time` reads: ``choices.json`` and ``choices.npz``."""

    record: dict[str, Any]
    arrays: Mapping[str, NDArray[Any]]


def score_variants(
    descriptors: VariantDescriptors, split: Split, protocol: Protocol, lengths: Ints, title: str
) -> ChoiceResults:
    """Score every choice, as a whole and by the length of the right gallery tracklets.

    Args:
        descriptors: of each choice, descriptors of ``split.test``.
        split: who is query and who is gallery.
        protocol: its distance and convention.
        lengths: ``[N]`` frames of each tracklet of ``split.test``.
        title: for the bar.

    Raises:
        RunError: the protocol feeds a tracklet in one way alone.
    """
    variants, distance = protocol.feed, protocol.scoring.distance
    if not isinstance(variants, Variants):
        raise RunError(f"{protocol.name} feeds a tracklet in one way alone, so that there are no choices to score.")
    labels = QueryGalleryLabels.of(split)
    people, gallery_people = labels.arrays[0], labels.arrays[2]
    query, gallery = split.query_index, split.gallery_index
    bins = length_bins(lengths[np.union1d(query, gallery)])
    arrays: dict[str, NDArray[Any]] = {
        "person": people,
        "key": np.array([t.key for t in split.query]),
        "length": lengths[query],
    }
    records = {one.name: _about(one, reason) for one, reason in descriptors.not_run}
    with step_bar(title, len(descriptors.choices), "choices") as bar:
        for choice in descriptors.choices:
            features = descriptors.features[choice.name]
            sides = features[query], descriptors.gallery.get(choice.name, features)[gallery]
            ranking = _ranked(sides, labels, protocol)
            records[choice.name] = _about(choice, None) | {
                "clips": descriptors.clips[choice.name],
                "fed": descriptors.fed[choice.name],
                "metrics": metrics_of(ranking),
                "intervals": intervals_of(ranking, people),
            }
            arrays.setdefault("valid", ranking.valid)
            arrays |= _percent(choice.name, ranking.average_precision, ranking.hits(1))
            sliced = by_gallery_length(
                *sides, *labels.arrays, lengths[gallery], bins, convention=protocol.convention, metric=distance.metric,
                normalise=distance.normalise, query_in_gallery=labels.inside,
            )  # fmt: skip
            for name, one in sliced.items():
                arrays.setdefault(f"gallery/{name}/valid", one.valid)
                arrays |= _percent(f"{choice.name}/gallery/{name}", one.average_precision, one.hit1)
            bar.update(1)
    order = dict.fromkeys([*(one.name for one in variants.choices), *records])
    counted = descriptors.trunk_frames
    record = {
        "headline": descriptors.headline,
        "queries": len(query),
        "frames": descriptors.frames,
        "trunk_frames": counted,
        "passes": None if counted is None else counted / descriptors.frames,
        "once": descriptors.once,
        "choices": [records[name] for name in order],
        "lengths": {
            "rule": RULE,
            "bins": [_bin(one, lengths[query], lengths[gallery], gallery_people) for one in bins],
        },
        "left_out": [{"name": one.name, "reason": one.reason} for one in variants.left_out],
    }
    return ChoiceResults(record, arrays)


def _ranked(sides: tuple[Floats, Floats], labels: QueryGalleryLabels, protocol: Protocol) -> Ranking:
    convention, distance = protocol.convention, protocol.scoring.distance
    return rank_features(
        *sides, *labels.arrays, metric=distance.metric, normalise=distance.normalise, gallery=convention.gallery,
        ap=convention.ap, empty=convention.empty, ties=convention.ties, query_in_gallery=labels.inside,
        max_rank=max(RANKS),
    )  # fmt: skip


def _about(choice: Choice, reason: str | None) -> dict[str, Any]:
    """The record of a choice that was not run; one that was gets its numbers on top."""
    words = {key: getattr(choice, key) for key in _WORDS}
    return words | {"clips": 0, "fed": 0, "metrics": {}, "intervals": {}, "not_run": reason}


def _percent(place: str, precision: NDArray[np.float64], hit1: NDArray[np.float64]) -> dict[str, NDArray[np.float32]]:
    """Single precision is 1e-5 points: thirty choices in eight slices are many arrays."""
    return {
        f"{place}/average_precision": (100 * precision).astype(np.float32),
        f"{place}/hit1": (100 * hit1).astype(np.float32),
    }


def _bin(one: LengthBin, query: Ints, gallery: Ints, people: Ints) -> dict[str, Any]:
    """A slice with its counts; junk does not count."""
    return {
        "name": one.name,
        "low": one.low,
        "high": one.high,
        "queries": int(one.holds(query).sum()),
        "gallery": int((one.holds(gallery) & (people != -1)).sum()),
    }


def save_choices(results: ChoiceResults, folder: Path) -> None:
    """Write both files."""
    write_bytes(folder / f"{STEM}.npz", to_npz(dict(results.arrays)))
    write_json(folder / f"{STEM}.json", results.record)
