"""The choices of TKP: where text and released code differ, and the ablations."""

from dataclasses import dataclass
from typing import Literal

from ..errors import MethodError

LOSSES = (
    "cross_entropy",
    "triplet",
    "feature",
    "distance",
    "i2v_triplet",
    "video_cross_entropy",
    "video_triplet",
)


@dataclass(frozen=True, slots=True)
class Options:
    """Options of TKP; the defaults are the reading ``paper``.

    Attributes:
        depth: of both ResNets.
        last_stride: of layer4, in both.
        non_local: whether the video network has non-local blocks; without them it sees each frame alone.
        target: what an image feature is drawn towards: the ``frame`` feature of the video network or the
            ``clip`` feature; ``auto`` is the frame with non-local blocks and the clip without, as in Table 2 and
            the ablation of the blocks.
        distance_mean: the squared difference of distance matrices is divided by the number of ``frames``
            (text) or of ``pairs`` of frames (code), 64 times as much in a batch of 64 frames.
        margin: of every triplet loss; the text leaves it open.
        backprop_to_video: whether the two transfer losses train the video network too.
    """

    depth: Literal[18, 50] = 50
    last_stride: Literal[1, 2] = 1
    non_local: bool = True
    target: Literal["auto", "frame", "clip"] = "auto"
    distance_mean: Literal["frames", "pairs"] = "frames"
    margin: float = 0.3
    backprop_to_video: bool = False

    def __post_init__(self) -> None:
        if self.margin < 0:
            raise MethodError(f"margin = {self.margin} is negative")

    @property
    def target_is_clip(self) -> bool:
        """Whether ``feature`` draws images towards the clip's feature."""
        return self.target == "clip" or (self.target == "auto" and not self.non_local)


READINGS: dict[str, dict[str, object]] = {"paper": {}, "released": {"distance_mean": "pairs"}}
