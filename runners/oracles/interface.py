"""What a control that trains nothing is: its word, whether it needs the truth, of which networks, and how.

A module of this room states it in two constants: ``STEP``, its word (`protocols.vocabulary.UNTRAINED_CONTROLS`) as a
plain text, which `runners.plan.code_digest` reads without importing anything, and ``RULE``, which
`runners.oracles.discovery` finds. The job names none of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from torch import nn

from datasets.synthwalk.truth import Truth, load_truth
from datasets.tracklet import Split, Tracklet
from methods.interface import FrameThenTime
from protocols.interface import Protocol
from protocols.vocabulary import UntrainedControl
from runners.errors import RunError
from runners.evaluation.encode import EncodedTestSet, TestInputs
from runners.ground_truth.interface import JobData
from runners.plan.plan_types import PlannedStage


@dataclass(frozen=True)
class OracleInput:
    """A trained arm, scored as it is, and all that a control of it may need.

    Attributes:
        last: the arm's last stage.
        protocol: how it is fed and scored.
        data: data of the job; the arm is tested on the raw ones.
        of_arm: the arm's own descriptors, as they were scored.
        trained: its network, in eval mode.
        inputs: the raw test half as it reaches that network, with its frame features where it is a `FrameThenTime`.
    """

    last: PlannedStage
    protocol: Protocol
    data: JobData
    of_arm: EncodedTestSet
    trained: Callable[[], nn.Module]
    inputs: Callable[[nn.Module], TestInputs]


@dataclass(frozen=True)
class OracleAnswer:
    """What is scored in place of the arm's descriptors.

    Attributes:
        encoded: descriptors of all test tracklets.
        words: what was known, and how it was used; for the record.
        parameters: constants of the rule, by name.
        without_truth: test tracklets of which nothing was known, and which were left neutral.
        split: who is whom when it is scored; None for the truth.
    """

    encoded: EncodedTestSet
    words: str
    parameters: Mapping[str, float] = field(default_factory=dict)
    without_truth: int = 0
    split: Split | None = None


Mask = Literal["person", "person and things"]
"""What a true mask covers."""


def any_network(network: nn.Module) -> str:
    """No network is refused."""
    return ""


def frames_alone(network: nn.Module) -> str:
    """Why a network is none that encodes each frame alone; empty text for one that does."""
    return "" if isinstance(network, FrameThenTime) else "its network does not encode frames one by one"


@dataclass(frozen=True)
class OracleRule:
    """One control that trains nothing.

    Attributes:
        control: its word.
        answer: what is scored.
        refused: why it cannot be asked of a network (on the CPU, in eval mode, with weights of no meaning); empty text
            where it can.
        needs_truth: only data whose truth is known have it.
        painted: around what frames are painted before the network sees them; empty text for a rule that paints none.
    """

    control: UntrainedControl
    answer: Callable[[OracleInput], OracleAnswer]
    refused: Callable[[nn.Module], str] = frames_alone
    needs_truth: bool = True
    painted: Mask | Literal[""] = ""


def truth_of(split: Split, tracklet: Tracklet) -> Truth:
    """The truth of a tracklet, frame by frame.

    Raises:
        DataError: there is none, or it is damaged.
        RunError: it is of another number of frames.
    """
    truth = load_truth(split.root, tracklet.key)
    if len(truth.labels) != len(tracklet):
        raise RunError(
            f"the truth of tracklet {tracklet.key} in {split.root} is of {len(truth.labels)} frames, and the tracklet "
            f"has {len(tracklet)}; render the data set again."
        )
    return truth
