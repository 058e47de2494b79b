"""One pass of a network that encodes frames alone over the frames of one half of a data set."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from datasets import reader_of
from datasets.frames.decoded import FrameStore
from datasets.images import decode
from datasets.images.transforms import Normalisation
from datasets.tracklet import Split
from methods.interface import EncodesFrames
from runners.plan.code_digest import code_digest
from runners.plan.environment import Precision
from runners.plan.plan_types import PlannedStage
from runners.training.frame_features import TrunkMaps, extract_frame_features, probe_digest


@dataclass(frozen=True)
class FramePass:
    """How frames reach the network.

    Attributes:
        split: the data.
        part: ``train`` or ``test``.
        store: frames of that half.
        normalise: of pixels.
        device: such as ``cpu``.
        precision: of the network.
        about: what else decides the frames of the store, where they are no frames of the data as they are.
        words: the same for people, behind the name of a step.
    """

    split: Split
    part: str
    store: FrameStore
    normalise: Normalisation
    device: str
    precision: Precision
    about: Mapping[str, str] = field(default_factory=dict)
    words: str = ""

    @classmethod
    def of(cls, last: PlannedStage, split: Split, part: str, store: FrameStore, device: str) -> Self:
        """As an arm's last stage takes them.

        Args:
            last: of the arm.
            split: the data.
            part: ``train`` or ``test``.
            store: frames of that half.
            device: such as ``cpu``.
        """
        return cls(split, part, store, last.stage.normalise, device, last.precision)

    def decided_by(self, network: EncodesFrames, kind: str) -> dict[str, Any]:
        """The inputs of a step that makes this pass.

        Args:
            network: in eval mode; what it makes of fixed noise counts.
            kind: of the step, whose code counts.
        """
        return {
            "network": self.probe(network),
            "data": self.split.fingerprint,
            "part": self.part,
            "size": list(self.store.size),
            "normalise": self.normalise,
            "precision": self.precision,
            "resize": self.store.resize,
            "crop": self.store.crop,
            "decoder": decode.version(),
            "code": code_digest(kind, modules=[reader_of(self.split.name)]),
            **self.about,
        }

    def probe(self, network: EncodesFrames) -> str:
        """See `probe_digest`."""
        return probe_digest(network, self.store.size, self.normalise, self.device, self.precision)

    def run(self, network: EncodesFrames, folder: Path, title: str, given: TrunkMaps | None = None) -> None:
        """Make the pass, see `extract_frame_features`.

        Args:
            network: in eval mode.
            folder: of the step, in the making.
            title: of the step.
            given: maps of the trunk's frozen part, in place of pixels.
        """
        extract_frame_features(
            network,
            self.store,
            self.normalise,
            device=self.device,
            precision=self.precision,
            folder=folder,
            title=f"extract {title}",
            given=given,
        )
