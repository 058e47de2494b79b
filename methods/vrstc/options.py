"""The choices of VRSTC: which of its networks, its ablations, and what the text leaves open (see README.md)."""

from dataclasses import dataclass
from typing import Literal

from ..errors import MethodError

LOSSES = ("cross_entropy", "reconstruction", "adversarial", "identity", "discriminate")
DECIDING = ("network", "generator", "local_d", "global_d", "identity")


@dataclass(frozen=True, slots=True)
class Options:
    """Options of VRSTC; no code was released, so there is one reading.

    Attributes:
        network: ``plain`` and ``non-local`` are re-ID networks, ``stcnet`` completes frames.
        depth: of the ResNet.
        last_stride: of its layer4.
        nonlocal_places: ``alternate`` puts a block after every other residual block of layer2 and layer3 (five in
            ResNet-50), ``before-last`` one before the last residual block of each of these stages.
        region_pool: a region's feature comes from that ``strips`` of the image alone, from the rows of the feature map
            by tensor ``split`` (6, 5 and 5 of 16), or by ``adaptive`` pooling with overlapping bins.
        tau: a region whose score lies below is called occluded.
        generator: ``spa`` has the spatial generator alone; a second one follows it: ``spa-ae`` on its output alone,
            ``spa-tae`` on the neighbours too, ``spa-tem`` with attention to the neighbours.
        local_d: whether a discriminator judges the completed part.
        global_d: whether one judges the whole frame.
        identity: whether the ID guider judges the completed frame.
        width: channels of the first convolution of every encoder and discriminator; 0 for as many as the frame has
            pixels in proportion, 64 at most: 64 at 128 rows, 16 at 64.
        dilations: of the four dilated convolutions.
        up_kernel: side of the two deconvolutions' kernels.
        ae: the encoder of ``spa-ae``: three ``parallel`` ones, all on the same frame, or one ``wide`` one with three
            times the filters.
        mask_fill: what the generators see in place of hidden pixels: ``zero`` (mid-grey) or ``white``.
        mask_channel: whether they are told which pixels are hidden, by a fourth channel.
        attention_scale: factor of the cosines before the softmax.
        attention_value: what is averaged: the ``centre`` vector of a patch, or the ``patch``, folded back.
        detach: whether the losses of the second generator stop before the spatial one.
        reconstruction: ``mean`` over all values of a frame, or their ``sum``.
        gan_loss: of the generators: ``minimax`` lowers log(1 - D), ``non-saturating`` raises log D.
        local_input: what the local discriminator sees: the whole frame ``masked``, or a ``crop`` of the region.
        guider_size: rows that frames are resized to before the ID guider (half as many columns); 0 leaves them.
            ``auto`` is 256 for frames of 128 rows, what it was trained on in the paper, and leaves others.
        ends: where a neighbour is missing: the ``nearest`` on the other side, or the frame ``self``.
        all_hidden: where a tracklet has no frame without hidden pixels: its ``best`` other frame, or each ``alone``.
        whole_frame: frames of which nothing is seen: ``skip`` leaves them as they are, ``complete`` paints them.
    """

    network: Literal["plain", "non-local", "stcnet"] = "non-local"
    depth: Literal[18, 50] = 50
    last_stride: Literal[1, 2] = 1
    nonlocal_places: Literal["alternate", "before-last"] = "alternate"
    region_pool: Literal["strips", "split", "adaptive"] = "split"
    tau: float = 0.89
    generator: Literal["spa", "spa-ae", "spa-tae", "spa-tem"] = "spa-tem"
    local_d: bool = True
    global_d: bool = True
    identity: bool = True
    width: int = 0
    dilations: tuple[int, ...] = (2, 4, 8, 16)
    up_kernel: Literal[3, 4] = 4
    ae: Literal["parallel", "wide"] = "parallel"
    mask_fill: Literal["zero", "white"] = "zero"
    mask_channel: bool = False
    attention_scale: float = 10.0
    attention_value: Literal["centre", "patch"] = "centre"
    detach: bool = False
    reconstruction: Literal["mean", "sum"] = "mean"
    gan_loss: Literal["minimax", "non-saturating"] = "minimax"
    local_input: Literal["masked", "crop"] = "masked"
    guider_size: Literal["auto"] | int = "auto"
    ends: Literal["nearest", "self"] = "nearest"
    all_hidden: Literal["best", "alone"] = "best"
    whole_frame: Literal["skip", "complete"] = "skip"

    def __post_init__(self) -> None:
        if not -1 <= self.tau <= 1:
            raise MethodError(f"tau = {self.tau} is a cosine, between -1 and 1")
        if len(self.dilations) != 4 or min(self.dilations) < 1:
            raise MethodError(f"dilations = {list(self.dilations)} must be those of four convolutions, each at least 1")
        rows = 0 if self.guider_size == "auto" else self.guider_size
        if self.width < 0 or rows < 0 or rows % 2:
            raise MethodError("width must be 0 or more, guider_size auto, an even number of rows or 0")
        if self.attention_scale <= 0:
            raise MethodError(f"attention_scale = {self.attention_scale} must be positive")
        judged = self.local_d or self.global_d or self.identity
        if self.network == "stcnet" and self.generator == "spa" and judged:
            raise MethodError(
                "discriminators and ID guider judge the second generator's frames, and generator = spa has none;"
                " set local_d, global_d and identity off"
            )

    def guider_rows(self, height: int) -> int:
        """Rows that frames of that height have when the ID guider sees them; 0 for frames as they are."""
        if self.guider_size == "auto":
            return 256 if height == 128 else 0
        return self.guider_size

    def width_at(self, height: int) -> int:
        """Channels of the first convolution for frames of that height."""
        return self.width or min(64, max(4, height**2 // 256))


READINGS: dict[str, dict[str, object]] = {"paper": {}}
