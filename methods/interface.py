"""The contract between a paper and the suite, and nothing else.

A method is an ``nn.Module``.  What every method must offer is :class:`Method`; what some can do on top is a
small protocol each, found with ``isinstance``, never with a flag.  Shapes use ``B`` tracklets (or clips),
``T`` frames, ``H x W`` pixels, ``d`` numbers a frame, ``D`` numbers a descriptor.

Rules that the shared contract suite (``tests/methods/test_contract.py``) checks for every arm:

* clips are RGB, ``float32``, normalised by the runner; ``mask[b, t]`` is true where frame ``t`` is real;
* in eval mode a descriptor depends on its own real frames only: not on padding, not on its batch mates;
* a tracklet of one frame is a tracklet (for a `FixedClip` once it is cut into clips);
* ``losses`` returns a named dict, computes only what is wanted, and each value is a differentiable scalar.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor, nn


@runtime_checkable
class Method(Protocol):
    """One paper's network with its training losses.  Every implementation is an ``nn.Module``."""

    descriptor_dim: int

    def forward(self, clips: Tensor, mask: Tensor) -> Tensor:
        """Encode clips on their own, each in one pass.

        Args:
            clips: ``[B, T, 3, H, W]`` float, normalised RGB.
            mask: ``[B, T]`` bool, true for real frames; at least one in each row.

        Returns:
            Descriptors ``[B, D]``, as the paper compares them, before any normalisation of the protocol.
        """
        ...

    def losses(self, clips: Tensor, mask: Tensor, labels: Tensor, wanted: Iterable[str]) -> dict[str, Tensor]:
        """Compute the training losses that a recipe's stage names.

        Args:
            clips: ``[B, T, 3, H, W]``.
            mask: ``[B, T]`` bool.
            labels: ``[B]`` int64, ``0 .. num_ids - 1``.
            wanted: names out of this method's own losses; an unknown one is a ``MethodError``.

        Returns:
            name -> scalar tensor, not yet weighted: weights stand in the recipe.
        """
        ...


@runtime_checkable
class FixedClip(Protocol):
    """Takes clips of one length only, with every frame real.

    ``forward``, ``losses`` and ``explain`` raise a `MethodError` that says why for any other length and for a mask with
    padding.  Tracklets enter as snippets of that length, which the protocol cuts and whose descriptors it averages.
    """

    clip_length: int


class EncodesFrames(Protocol):
    """Encodes each frame alone."""

    frame_dim: int

    def frame_features(self, images: Tensor) -> Tensor:
        """``[N, 3, H, W]`` -> ``[N, d]``."""
        ...


@runtime_checkable
class FrameThenTime(EncodesFrames, Protocol):
    """Encodes each frame alone and then aggregates over time.

    It lets the runner compute frame features once and serve every test-time protocol, every control and
    every training stage with a frozen frame network from them.  ``forward`` must equal ``aggregate`` of
    ``frame_features``.
    """

    descriptor_dim: int

    def aggregate(self, features: Tensor, mask: Tensor) -> Tensor:
        """``[B, T, d]`` and ``[B, T]`` bool -> descriptors ``[B, D]``."""
        ...

    def frame_losses(self, features: Tensor, mask: Tensor, labels: Tensor, wanted: Iterable[str]) -> dict[str, Tensor]:
        """As :meth:`Method.losses`, from frame features ``[B, T, d]``.

        Args:
            features: ``[B, T, d]`` of frames that passed `frame_features`.
            mask: ``[B, T]`` bool, false on padding.
            labels: ``[B]`` int64, ``0 .. num_ids - 1``.
            wanted: names out of this method's own losses; an unknown one is a ``MethodError``.
        """
        ...


@runtime_checkable
class MapsThenFrames(Protocol):
    """A `FrameThenTime` method that pools one map a frame, and can pool it elsewhere than over the whole frame.

    ``frame_features`` must equal ``pool_maps`` of ``frame_maps`` under weights that are all alike.
    """

    def frame_maps(self, images: Tensor) -> Tensor:
        """``[N, 3, H, W]`` -> the trunk's last maps ``[N, C, h, w]``."""
        ...

    def pool_maps(self, maps: Tensor, weights: Tensor) -> Tensor:
        """The frame feature with a weighted mean in place of the mean over the map.

        Args:
            maps: ``[N, C, h, w]`` of `frame_maps`.
            weights: ``[N, h, w]``, none below 0; only their ratios within a frame count, and where a frame has none
                above 0 all of its places count alike.

        Returns:
            ``[N, d]``.
        """
        ...


@runtime_checkable
class TemporalHead(Protocol):
    """Keeps all that mixes frames in one module, so that a control can take its place.

    ``temporal(features [B, T, d], mask [B, T]) -> [B, D]``.
    """

    frame_dim: int
    descriptor_dim: int
    temporal: nn.Module


@runtime_checkable
class Attends(Protocol):
    """Weighs frames or positions by learned attention that can be made uniform at test time, as a control."""

    def use_uniform_attention(self, on: bool) -> None:
        """Replace every learned attention weight by the mean over what it weighs, or undo it.

        Weights of frames become one over the number of real frames; a mask over positions becomes its own mean.
        """
        ...


@runtime_checkable
class ImageAndVideo(Protocol):
    """Has a network of its own for single images, in the same space as the video descriptors (TKP)."""

    def image_descriptor(self, images: Tensor) -> Tensor:
        """``[N, 3, H, W]`` -> ``[N, D]``."""
        ...


@runtime_checkable
class Pairwise(Protocol):
    """Needs both tracklets to score a pair (CSA); single-pass protocols reject it."""

    def score(self, query: Tensor, query_mask: Tensor, gallery: Tensor, gallery_mask: Tensor) -> Tensor:
        """``[Q, T, 3, H, W]`` against ``[G, T, 3, H, W]`` -> distances ``[Q, G]``, smaller is more alike.

        Args:
            query: clips ``[Q, T, 3, H, W]``.
            query_mask: ``[Q, T]`` bool, false on padding.
            gallery: clips ``[G, T, 3, H, W]``.
            gallery_mask: ``[G, T]`` bool, false on padding.
        """
        ...


@runtime_checkable
class Repair(Protocol):
    """Paints hidden pixels anew (VRSTC); which pixels those are is somebody else's finding."""

    def repair(self, clips: Tensor, mask: Tensor, hidden: Tensor) -> Tensor:
        """Fill what is hidden, from the rest of the frame and from the other frames of the clip.

        Args:
            clips: ``[B, T, 3, H, W]``, normalised as everywhere; whole tracklets in time order.
            mask: ``[B, T]`` bool, true for real frames.
            hidden: ``[B, T, H, W]`` bool, what is to be painted anew.

        Returns:
            ``[B, T, 3, H, W]``, equal to ``clips`` outside of ``hidden``, bit by bit.
        """
        ...


@runtime_checkable
class ScoresRegions(Protocol):
    """Tells occluded regions of a tracklet's frames from what does not fit the rest of the tracklet (VRSTC).

    A region is called occluded where its score lies below ``region_threshold``.
    """

    region_threshold: float

    def region_rows(self, height: int) -> tuple[tuple[int, int], ...]:
        """First row and row after the last of each of the K regions in frames of that height, from top to bottom."""
        ...

    def region_features(self, images: Tensor) -> Tensor:
        """``[N, 3, H, W]`` -> features of their regions ``[N, K, C]``."""
        ...

    def region_scores(self, features: Tensor) -> Tensor:
        """Features ``[T, K, C]`` of all frames of one tracklet -> scores ``[T, K]`` in [-1, 1]."""
        ...


@dataclass(frozen=True, slots=True)
class AttributeTargets:
    """What is known of the attributes of a batch; an attribute is a yes or no, a choice is one such for each value.

    Attributes:
        values: ``[B, A]`` float32, 1 yes, 0 no, NaN unknown. A row of NaN alone has no annotation at all: in a stage on
            two domains it is of the target.
        positive: ``[A]`` float32, share of yes among all known values of the training set; 0.5 where none is known.
    """

    values: Tensor
    positive: Tensor


@runtime_checkable
class LearnsAttributes(Protocol):
    """Recognises binary attributes and learns to (ADFD); a `FrameThenTime` method.

    It has an option ``groups``, the number of attributes in each group, which the runner fills from the annotation; the
    columns of `AttributeTargets` follow it. ``losses`` and ``frame_losses`` take one more argument,
    ``attributes: AttributeTargets | None = None``; a loss that needs them without any is a `MethodError`.
    """

    groups: tuple[int, ...]

    def attribute_probabilities(self, features: Tensor, mask: Tensor) -> Tensor:
        """Frame features ``[B, T, d]`` and ``[B, T]`` bool -> chance of yes ``[B, A]``, of each tracklet as a whole."""
        ...


@runtime_checkable
class Explains(Protocol):
    """Can say where it looks."""

    def explain(self, clips: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """Named maps.

        ``frames``, and names that begin with ``frames/``, are weights ``[B, T]``: rows sum to 1, padding has none.
        Others are masks ``[B, T, h, w]`` in [0, 1].
        """
        ...


@runtime_checkable
class ExplainsFeatures(Protocol):
    """A `FrameThenTime` method whose `Explains` needs no more of a frame than its features.

    It spares a pass of the frame network. ``explain`` must equal ``explain_features`` of ``frame_features``.
    """

    def explain_features(self, features: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """As `Explains.explain`, from frame features ``[B, T, d]``."""
        ...
