"""What a plan is made of: values only, with every fingerprint known before anything is run."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from datasets.attributes import Group
from datasets.images.resize import Filter
from datasets.seeding import generator
from methods.arms import Arm
from methods.cards.card import ANNOTATED, Card
from methods.cards.recipe import Stage
from methods.starts.card import StartCard
from protocols.vocabulary import Control
from reports.schema.vocabulary import RAW
from runners.errors import RunError
from runners.plan.data_names import RepairerText
from runners.plan.environment import Precision
from runners.plan.step_store import Step

Budget = Literal["full", "quick", "long"]
Start = Literal["card", "synthwalk", "imagenet", "none"]
DEFAULT_SCORER = "vrstc/baseline"


@dataclass(frozen=True)
class Annotated:
    """What a plan needs to know of a data set whose attributes are annotated.

    Attributes:
        data: fingerprint of the data set.
        name: of the annotation.
        fingerprint: of the annotation.
        groups: the attributes that can be learned.
        reader: module that reads the data set.
    """

    data: str
    name: str
    fingerprint: str
    groups: tuple[Group, ...]
    reader: str = ""
    named: bool = False  # by the user, in place of what stands for it by default

    @property
    def identity(self) -> str:
        """Its name and 12 hexadecimal digits over data and annotation; empty of what no user named."""
        digest = hashlib.sha256(f"{self.data} {self.fingerprint}".encode()).hexdigest()
        return f"{self.name} {digest[:12]}" if self.named else ""


@dataclass(frozen=True)
class JobConfig:
    """What all arms of one job share.

    Attributes:
        card: the paper's card.
        profile: ``embedded`` or ``paper``.
        budget: ``full``, or ``quick`` and ``long`` for the other lengths of the recipes.
        pretrained: ``card`` follows the recipe; the others replace what it starts from.
        size: (height, width), or None for the recipe's.
        num_ids: training identities.
        data: fingerprint of the data set.
        reader: module that reads it, see `datasets.reader_of`.
        device: such as ``cpu``.
        runtime: see `runners.plan.environment.runtime`.
        scorer: the arm whose region scores call occlusions, where something is repaired.
        annotation: attributes of the data set's people; None where nobody annotated them.
        source: other data with annotated attributes, from which labellers learn; None where there are none.
        lengths: every stage lasts this share of what its budget gives it; a small matrix that is run often pins less
            than 1.
        precision: in place of that of the recipes (`--precision`); None leaves it to them.
        own_start: starting weights of the user's own (`--start`), in place of all plain starts of the recipes.

    Raises:
        RunError: there is nobody to train on.
    """

    card: Card
    profile: str
    budget: Budget
    pretrained: Start
    size: tuple[int, int] | None
    num_ids: int
    data: str
    reader: str
    device: str
    runtime: Mapping[str, Any]
    scorer: str = DEFAULT_SCORER
    annotation: Annotated | None = None
    source: Annotated | None = None
    lengths: float = 1.0
    precision: Precision | None = None
    own_start: StartCard | None = None

    def __post_init__(self) -> None:
        if self.num_ids < 1:
            raise RunError(
                "This data set has no training tracklets, so no arm can be trained on it: add a part train, or score "
                "descriptors made elsewhere with `python -m runners.evaluate --descriptors`."
            )

    @property
    def changes(self) -> dict[str, str]:
        """What options change for every arm of the job; results that differ in it are never seeds of one arm."""
        own, size = self.own_start, self.size
        found = {
            "start": f"{own.name} {own.sha256[:12]}" if own else "",
            "pretrained": "" if self.pretrained == "card" else self.pretrained,
            "precision": self.precision or "",
            "size": f"{size[0]}x{size[1]}" if size else "",
            "scorer": "" if self.scorer == DEFAULT_SCORER else self.scorer,
            "attributes": self.annotation.identity if self.annotation else "",
            "source": self.source.identity if self.source else "",
        }
        return {name: value for name, value in found.items() if value}


@dataclass(frozen=True)
class ArmRun:
    """An arm on some data, or one of its controls.

    Attributes:
        arm: what is trained.
        control: what is taken away from it, or what it is made to know; None for the arm itself.
        train_on: ``raw`` or a repairer, for an arm that leaves it to the job.
        test_on: the same for what it is scored on.
        attributes: whose attributes it learns, for an arm that leaves it to whoever starts from it.
    """

    arm: Arm
    control: Control | None = None
    train_on: str = RAW
    test_on: str = RAW
    attributes: str = ""

    @property
    def trained_on(self) -> str:
        """What it learns from; the arm's own word counts first."""
        return self.arm.train_on or self.train_on

    @property
    def tested_on(self) -> str:
        """What it is scored on."""
        return self.arm.test_on or self.test_on

    @property
    def label_source(self) -> str:
        """``annotated``, or the arm whose pseudo-labels it learns; its own word counts first."""
        return self.arm.attributes or self.attributes or ANNOTATED

    @property
    def name(self) -> str:
        """Name of the arm in records: ``gltr``, or ``gltr@oracle/raw`` where the job chose other data than raw."""
        chosen = (self.trained_on, self.tested_on) != (self.arm.train_on or RAW, self.arm.test_on or RAW)
        return self.arm.text + (f"@{self.trained_on}/{self.tested_on}" if chosen else "")

    @property
    def label(self) -> str:
        """As it stands in tables."""
        own = self.name == self.arm.text
        return self.arm.label if own else f"{self.arm.label} ({self.trained_on} → {self.tested_on})"

    @property
    def text(self) -> str:
        """Unique name in tables and records: ``gltr`` or ``gltr+shuffled``."""
        return self.name + (f"+{self.control}" if self.control else "")


@dataclass(frozen=True)
class PlannedScores:
    """Region scores of all frames of a data set, and the network that gives them.

    Attributes:
        scorer: last stage of the scoring arm.
        step: where the scores are.
    """

    scorer: "PlannedStage"
    step: Step


@dataclass(frozen=True)
class PlannedData:
    """A data set as an arm sees it: raw, or repaired.

    Attributes:
        name: ``raw`` or the repairer.
        fingerprint: of its content, known before it is made.
        repairer: None for raw.
        painter: last stage of a repairing arm; None for the others.
        scores: what calls regions occluded; None where the repairer needs no calls.
        calls: what decides the calls, for the data set's manifest.
        options: what decides the repairer's work.
    """

    name: str
    fingerprint: str
    repairer: RepairerText | None = None
    painter: "PlannedStage | None" = None
    scores: PlannedScores | None = None
    calls: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PlannedLabels:
    """Labels of attributes, and where they come from: a person, or the pseudo-labels of another arm.

    Attributes:
        name: ``annotated``, ``source`` or the arm that labels.
        fingerprint: of the labels.
        groups: the attributes, as the arm's network has them.
        labeller: last stage of the labelling arm; None where a person labelled.
        step: where a labelling arm's labels are.
    """

    name: str
    fingerprint: str
    groups: tuple[Group, ...]
    labeller: "PlannedStage | None" = None
    step: Step | None = None

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of attributes in each group."""
        return tuple(len(group.columns) for group in self.groups)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all attributes, group by group."""
        return tuple(column for group in self.groups for column in group.columns)


@dataclass(frozen=True)
class PlannedStage:
    """One stage of one arm with one seed, and a head stage with one head seed on the trunk of that seed.

    Attributes:
        run: whose network it trains.
        stage: with the length that the budget gives it.
        seed: of the run.
        size: (height, width).
        precision: resolved.
        start: the planned stage whose weights it starts from; None for a plain start.
        data: what it learns from.
        scores: says which frames are unoccluded, for a stage that sees no others.
        labels: the attributes that it learns; None for a method that learns none.
        crop: see `methods.cards.recipe.Recipe.test_crop`.
        resize: see `methods.cards.recipe.Recipe.resize`.
        step: its fingerprint and inputs.
        starts: depth -> starting weights that may fill its trunks, of a stage that begins from some.
        head_seed: which of the heads on the trunk of the seed; 0 of a stage that is no head stage.
    """

    run: ArmRun
    stage: Stage
    seed: int
    size: tuple[int, int]
    precision: Precision
    start: "PlannedStage | None"
    data: PlannedData
    scores: PlannedScores | None
    labels: PlannedLabels | None
    crop: float
    resize: Filter
    step: Step
    starts: Mapping[int, StartCard] = field(default_factory=dict)
    head_seed: int = 0

    @property
    def training_seed(self) -> int:
        """What its random numbers are drawn by."""
        return training_seed(self.seed, self.head_seed)

    @property
    def seed_words(self) -> str:
        """For a reader: ``seed 0``, or ``seed 0 head 2``."""
        return seed_words(self.seed, self.head_seed)

    def chain(self) -> "list[PlannedStage]":
        """All stages up to this one, first to last."""
        return [*(self.start.chain() if self.start else []), self]


def training_seed(seed: int, head_seed: int = 0) -> int:
    """What random numbers are drawn by: the seed itself, or for a further head on its trunk one that no seed is."""
    return int(generator(seed, "head seed", head_seed).integers(2**32, 2**62)) if head_seed else seed


def seed_words(seed: int, head_seed: int = 0) -> str:
    """For a reader: ``seed 0``, or ``seed 0 head 2`` of a further head on that trunk."""
    return f"seed {seed}" + (f" head {head_seed}" if head_seed else "")


def readers(config: JobConfig, domain: str = "target") -> tuple[str, ...]:
    """Modules that read the data of a stage: the job's, and those of the source where it learns from that.

    Args:
        config: of the job.
        domain: see `methods.cards.recipe.Stage`.
    """
    source = config.source.reader if config.source and domain != "target" else ""
    return tuple(dict.fromkeys(name for name in (config.reader, source) if name))
