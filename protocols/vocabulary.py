"""The words of judging as results record them, spelt once: `runners` writes them and `reports` reads them.

Words that say nothing of judging stand in `reports.schema.vocabulary`.

Each is a ``Literal`` for the type checker and a tuple of the same words for checks at run time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

from .errors import ProtocolError

Metric = Literal["euclidean", "cosine"]
DISTANCE_METRICS: tuple[Metric, ...] = get_args(Metric)

Side = Literal["I2V", "I2I", "V2V", "V2I"]
SIDES: tuple[Side, ...] = get_args(Side)
"""Which of query and gallery is an ``I``mage and which a ``V``ideo."""

TestFrames = Literal["all", "snippets", "chunks"]

Rest = Literal["loop", "wrap", "repeat-last", "pad", "drop"]
RESTS: tuple[Rest, ...] = get_args(Rest)
"""What becomes of frames that fill no clip, see `datasets.sampling.snippets.snippets`."""

Mean = Literal["clips", "frames"]
MEANS: tuple[Mean, ...] = get_args(Mean)
"""What each counts the same in the mean over several clips."""

CheckName = Literal["rgb", "resnet50", "single-pass", "whole-sequence"]
CHECK_NAMES: tuple[CheckName, ...] = get_args(CheckName)

Family = Literal["single", "even", "snippets", "dense", "whole"]
FAMILIES: tuple[Family, ...] = get_args(Family)
"""Kinds of choices, see `choices.Choice`."""

Arithmetic = Literal["fp32", "tf32", "bf16", "fp16"]
ARITHMETICS: tuple[Arithmetic, ...] = get_args(Arithmetic)
"""What networks compute in, see `arithmetic`."""

Accuracy = Literal["mAP", "rank1", "rank5", "rank10", "rank20"]
ACCURACIES: tuple[Accuracy, ...] = get_args(Accuracy)
RANKS = tuple(int(name.removeprefix("rank")) for name in ACCURACIES if name != "mAP")
WITH_INTERVALS: tuple[Accuracy, ...] = ("mAP", "rank1")
"""Those that are recorded with an interval."""

CallScore = Literal["precision", "recall", "auc"]
CALL_SCORES: tuple[CallScore, ...] = get_args(CallScore)
"""How well occluded regions are called, see `occlusion`."""

Who = Literal["trained", "untrained", "centre"]
Reference = Literal["untrained", "centre"]
WHO: tuple[Who, ...] = get_args(Who)
REFERENCES: tuple[Reference, ...] = get_args(Reference)
"""Whose maps are held against true masks: the arm's, and for reference its own untrained and a prior on the centre."""

CauseControl = Literal["shuffled", "mlp", "uniform"]
CONTROLS: tuple[CauseControl, ...] = get_args(CauseControl)
"""What is trained, or tested in another way, beside an arm to tell where its gain comes from."""

Oracle = Literal[
    "true-visibility", "true-masks", "true-masks-and-things", "true-mask-pooling", "true-attributes", "true-gait"
]
ORACLES: tuple[Oracle, ...] = get_args(Oracle)
"""Controls that know the truth of a drawn data set: frames weighted by their true visible share, frames painted outside
the true mask of the person (and of what the person carries), the last map pooled under it, true attributes or true gait
joined to the descriptor."""

UntrainedControl = Literal[Oracle, "shuffled-labels"]
UNTRAINED_CONTROLS: tuple[UntrainedControl, ...] = get_args(UntrainedControl)
"""Controls that train nothing and score an arm's own network once more: the oracles, and the arm's descriptors with
people permuted among the test tracklets, which must come out at chance."""

Control = Literal[CauseControl, UntrainedControl]
"""Everything that stands beside an arm; see `CONTROLS` and `UNTRAINED_CONTROLS`."""

Mechanism = Literal["frame-weights", "masks", "motion", "video", "repair", "attributes"]
MECHANISMS: tuple[Mechanism, ...] = get_args(Mechanism)
"""What a paper says that its gain comes from; a perfect version of it is an oracle."""

Gain = Literal["reproduced", "not reproduced", "undecided"]
GAINS: tuple[Gain, ...] = get_args(Gain)
"""Whether an arm beats its opponent, as the paper says."""

Cause = Literal["supported", "not supported", "undecided", "cannot apply"]
CAUSES: tuple[Cause, ...] = get_args(Cause)
"""Whether a gain comes from what the paper says it comes from, by one control."""

Verdict = Literal["holds", "does not hold", "cannot tell"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


def check_word(field: str, value: object, words: Iterable[str]) -> None:
    """Refuse a word that is not in use.

    Raises:
        ProtocolError: the words in use are named.
    """
    known = tuple(words)
    if value not in known:
        raise ProtocolError(f"{field}={value!r} is unknown; choose one of {', '.join(one for one in known if one)}")


def check_once(field: str, values: Iterable[str]) -> None:
    """Refuse a list that names something twice.

    Raises:
        ProtocolError: what is named twice.
    """
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise ProtocolError(f"{field} name {value!r} twice; name each once")
        seen.add(value)


def check_at_least(field: str, value: int, least: int) -> None:
    """Refuse a number that is too small, or no whole number.

    Raises:
        ProtocolError: the number and the least that is possible.
    """
    if type(value) is not int or value < least:
        raise ProtocolError(f"{field}={value!r} must be a whole number of at least {least}")
