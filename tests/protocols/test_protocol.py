"""Every protocol records what it always did, and one that contradicts itself cannot be made."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import protocols
from protocols.errors import ProtocolError
from protocols.interface import Protocol
from protocols.ranking.conventions import OFFICIAL_MARS, Convention, Distance, Scoring
from protocols.test_time.inputs import Chunks, Snippets, Variants, WholeSequence, snippet_length
from protocols.test_time.variants import Choice, LeftOut

RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "recorded_protocols.json").read_text())
"""As each protocol stood in results when its version was given out; a new protocol is added, none is changed."""
WAY = Choice("whole", "Whole sequence", "whole", "all", "")
ILIDS = protocols.load("image-to-video-ilids")
WITHOUT_QUERIES = Scoring(Distance("euclidean"), Convention("without-queries"))


def made(**changes: Any) -> Protocol:
    """A protocol that feeds whole sequences, but for some fields."""
    return replace(protocols.load("rgb-single-pass"), **changes)


def test_every_protocol_has_a_record_to_be_held_against() -> None:
    assert set(RECORDED) == set(protocols.names())


@pytest.mark.parametrize("name", RECORDED)
def test_a_protocol_records_what_it_always_did(name: str) -> None:
    found = json.loads(json.dumps(protocols.load(name).as_dict()))
    assert found == RECORDED[name]
    assert list(found) == list(RECORDED[name])


def test_protocols_that_score_as_the_authors_of_mars_share_one_value() -> None:
    official = {name for name in protocols.names() if protocols.load(name).scoring is OFFICIAL_MARS}
    assert official == {
        "res50-rgb-single-pass", "rgb-eight-frames", "rgb-single-pass", "rgb-snippets", "snippet-vs-full",
    }  # fmt: skip
    assert OFFICIAL_MARS.as_row() == {
        "metric": "euclidean", "normalise": True, "gallery": "full", "ap": "trapezoid", "empty": "zero",
    }  # fmt: skip


def test_only_snippets_have_a_length() -> None:
    assert snippet_length(Snippets(4, "loop", "clips")) == 4
    assert {snippet_length(one) for one in (WholeSequence(), Chunks(8), Variants((WAY,), "whole"))} == {None}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Snippets(0, "loop", "clips"), "length of snippets=0 must be a whole number of at least 1"),
        (lambda: Snippets(4.0, "loop", "clips"), "length of snippets=4.0 must be a whole number"),
        (lambda: Snippets(4, "mirror", "clips"), "rest of snippets='mirror' is unknown; choose one of loop, wrap"),
        (lambda: Snippets(4, "loop", "median"), "mean of snippets='median' is unknown; choose one of clips, frames"),
        (lambda: Chunks(0), "parts of a tracklet=0 must be a whole number of at least 1"),
        (lambda: Variants((), "whole"), "variants without a choice feed nothing"),
        (lambda: Variants((WAY, WAY), "whole"), "choices name 'whole' twice"),
        (lambda: Variants((WAY,), "best"), "headline='best' is none of the choices; take one of whole"),
        (lambda: Variants((WAY,), ""), "headline='' is none of the choices"),
        (lambda: Variants((WAY,), "whole", (LeftOut("a", "b"),) * 2), "left out ways name 'a' twice"),
    ],
)
def test_what_cannot_be_fed_is_refused(make: Callable[[], object], words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        make()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Distance("manhattan"), "metric='manhattan' is unknown; choose one of euclidean, cosine"),
        (lambda: Distance("cosine", normalise=True), "the cosine scales descriptors to unit length by itself"),
        (lambda: Convention(gallery="half"), "gallery='half' is unknown; choose one of full, without-junk"),
        (lambda: Convention(ties="kind"), "ties='kind' is unknown"),
    ],
)
def test_what_cannot_be_scored_is_refused(make: Callable[[], object], words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        make()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": ""}, "needs a name and a summary"),
        ({"summary": ""}, "the protocol 'rgb-single-pass' needs a name and a summary"),
        ({"feed": "all"}, "feed='all' is none of WholeSequence, Snippets, Chunks and Variants"),
        ({"scoring": OFFICIAL_MARS.convention}, "is no Scoring, such as conventions.OFFICIAL_MARS"),
        ({"version": 0}, "the protocol rgb-single-pass: version=0 must be a whole number of at least 1"),
        ({"splits": 0}, "splits=0 must be a whole number of at least 1"),
        ({"query_camera": -1}, "query_camera=-1 must be a whole number of at least 0"),
        ({"requires": ("whole-sequence", "rgbd")}, "requires='rgbd' is unknown; choose one of rgb, resnet50"),
        ({"requires": ("whole-sequence", "rgb", "rgb")}, "requires name 'rgb' twice"),
        ({"sides": ("I2V", "I2T")}, "sides='I2T' is unknown; choose one of I2V, I2I, V2V, V2I"),
        ({"sides": ("I2V", "I2V")}, "sides name 'I2V' twice"),
        ({"requires": ("rgb",)}, "feeds whole sequences, which a network of fixed clips cannot take"),
        ({"feed": Variants((WAY,), "whole"), "sides": ("I2V",)}, "leave out sides, or feed no Variants"),
        ({"query_camera": 1, "scoring": WITHOUT_QUERIES}, "where one camera asks .* takes out nothing"),
        ({"splits": 10, "scoring": WITHOUT_QUERIES}, "where results are averaged over splits, .* takes out nothing"),
    ],
)
def test_a_protocol_that_contradicts_itself_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        made(**changes)


def test_what_only_looks_like_a_contradiction_can_be_made() -> None:
    assert made(scoring=WITHOUT_QUERIES).convention.gallery == "without-queries"
    assert made(feed=Chunks(8), requires=("rgb",), sides=("V2I",)).sides == ("V2I",)
    assert made(feed=Snippets(4, "loop", "clips"), splits=10, query_camera=2).splits == 10
    assert made(feed=Variants((WAY,), "whole"), splits=10).as_dict()["headline"] == "whole"


def test_a_feed_that_is_replaced_leaves_nothing_of_the_old_one_behind() -> None:
    chunks = replace(ILIDS, feed=Chunks(8)).as_dict()
    assert (chunks["test_frames"], chunks["snippets"], chunks["chunks"]) == ("chunks", None, 8)
