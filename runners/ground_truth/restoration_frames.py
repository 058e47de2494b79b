"""Frames against their unoccluded twins: pixels, the maps of a network, and whom the network takes them for."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from datasets.images.transforms import Normalisation, to_tensor
from methods.interface import FrameThenTime, ScoresRegions
from methods.layers.resnet import Trunk
from protocols.ground_truth import restoration
from runners.errors import RunError
from runners.plan.environment import Precision
from runners.progress import step_bar
from runners.training.frame_features import frames_per_batch
from runners.training.sources import autocast, laid_out

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Bytes = NDArray[np.uint8]
Maps = list[NDArray[np.float32]]

LAYERS = ("layer1", "layer2", "layer3")


@dataclass(frozen=True, eq=False)
class Sums:
    """What the measures of each frame add up from, ``[M]``; means over tracklets are made of them.

    Attributes:
        errors: squared, over the values of the pixels with something in front.
        similarity: structural, over the same pixels.
        distances, cells: ``[M, 3 layers]`` squared distances over the cells that count, and how many these are.
        hits: whether the nearest person is the own one.
    """

    errors: Floats
    similarity: Floats
    distances: Floats
    cells: Floats
    hits: Floats

    def with_rows(self, rows: Ints, others: "Sums") -> "Sums":
        """The same with other values in some rows."""
        merged = {}
        for name in self.__dataclass_fields__:
            merged[name] = getattr(self, name).copy()
            merged[name][rows] = getattr(others, name)
        return Sums(**merged)


@dataclass(frozen=True, eq=False)
class Hidden:
    """Occluded frames, ``[M]`` in everything.

    Attributes:
        truth: ``[M, H, W, 3]`` the frame without what stands in front.
        front: ``[M, H, W]`` the pixels with something in front.
        persons: who is seen.
        tracklets: number of the tracklet of each.
    """

    truth: Bytes
    front: Bools
    persons: Ints
    tracklets: Ints

    def rows(self, rows: Ints | slice) -> "Hidden":
        """Some of them."""
        return Hidden(self.truth[rows], self.front[rows], self.persons[rows], self.tracklets[rows])


@dataclass(frozen=True)
class EmbeddingNet:
    """The scoring network and how it is fed."""

    network: FrameThenTime
    trunk: Trunk
    normalise: Normalisation
    device: str
    precision: Precision

    @torch.inference_mode()
    def look(self, frames: Bytes) -> tuple[Floats, Maps]:
        """uint8 ``[n, H, W, 3]`` -> descriptors ``[n, d]`` and the maps of `LAYERS` that come about on the way.

        Raises:
            RunError: a layer of the trunk does not see each frame once.
        """
        seen: list[Tensor] = []

        def keep(module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
            seen.append(output)

        hooks = [getattr(self.trunk, name).register_forward_hook(keep) for name in LAYERS]
        try:
            with autocast(self.device, self.precision):
                features = self.network.frame_features(self._images(frames))
        finally:
            for hook in hooks:
                hook.remove()
        if [len(maps) for maps in seen] != [len(frames)] * len(LAYERS):
            raise RunError(
                f"frame_features of {type(self.network).__name__} sent {len(frames)} frames through its trunk as "
                f"{[len(maps) for maps in seen]}; feature distances need each frame to pass each layer once."
            )
        return features.double().cpu().numpy(), [maps.float().cpu().numpy() for maps in seen]

    @torch.inference_mode()
    def maps(self, frames: Bytes) -> Maps:
        """The maps alone; what comes behind them, a third of the work, is not computed."""
        with autocast(self.device, self.precision):
            seen = [self.trunk.stem(self._images(frames))]
            for name in LAYERS:
                seen.append(getattr(self.trunk, name)(seen[-1]))
        return [maps.float().cpu().numpy() for maps in seen[1:]]

    def _images(self, frames: Bytes) -> Tensor:
        images = to_tensor(torch.from_numpy(frames).to(self.device), self.normalise)
        return laid_out(images, self.precision)


def embedding_net(scorer: ScoresRegions, normalise: Normalisation, device: str, precision: Precision) -> EmbeddingNet:
    """The network of an arm as an `EmbeddingNet`.

    Args:
        scorer: the network, which has ``frame_features`` and a ResNet as trunk.
        normalise: how frames are scaled for it.
        device: the network's.
        precision: of its numbers.

    Raises:
        RunError: the network has no ``frame_features``, or no ResNet as trunk.
    """
    trunk = getattr(scorer, "trunk", None)
    if not isinstance(scorer, FrameThenTime) or not isinstance(trunk, Trunk):
        raise RunError(
            f"{type(scorer).__name__} cannot score repaired frames: it needs frame_features and a ResNet as trunk "
            "(methods.layers.resnet.Trunk); take another arm to score regions, such as vrstc/baseline."
        )
    return EmbeddingNet(scorer, trunk, normalise, device, precision)


def measure(frames: Bytes, hidden: Hidden, people: restoration.People | None, net: EmbeddingNet, title: str) -> Sums:
    """What the measures of each frame add up from.

    Args:
        frames: ``[M, H, W, 3]``, raw or repaired.
        hidden: their truth.
        people: whom a frame can be taken for; None to leave that open (NaN).
        net: the network that looks.
        title: for the bar.
    """
    parts = [Sums(*(np.zeros(0),) * 2, *(np.zeros((0, len(LAYERS))),) * 2, np.zeros(0))]
    size = frames_per_batch((frames.shape[1], frames.shape[2]))
    with step_bar(title, len(frames), "frames") as bar:
        for start in range(0, len(frames), size):
            part = slice(start, start + size)
            parts.append(_of_batch(frames[part], hidden.rows(part), people, net))
            bar.update(len(frames[part]))
    return Sums(*(np.concatenate([getattr(part, name) for part in parts]) for name in Sums.__dataclass_fields__))


def _of_batch(frames: Bytes, hidden: Hidden, people: restoration.People | None, net: EmbeddingNet) -> Sums:
    features, maps = net.look(frames)
    true_maps = net.maps(hidden.truth)  # in a batch of the same shape, so that equal frames have equal maps
    cells = [
        restoration.feature_errors(ours, theirs, restoration.coverage(hidden.front, ours.shape[2:]))
        for ours, theirs in zip(maps, true_maps, strict=True)
    ]
    hits = np.full(len(frames), np.nan)
    if people is not None:
        hits = restoration.identity_hits(features, hidden.persons, hidden.tracklets, people)
    return Sums(
        errors=restoration.squared_errors(frames, hidden.truth, hidden.front)[0],
        similarity=restoration.similarities(frames, hidden.truth, hidden.front)[0],
        distances=np.stack([distance for distance, _ in cells], axis=1),
        cells=np.stack([count for _, count in cells], axis=1),
        hits=hits,
    )
