"""Augmentation of a clip on the CPU, in uint8, and normalisation on the device.

A transform is a frozen value; called with a clip and a generator it is a pure function of both. All frames of
a clip share the random choices (`per="clip"`), or each frame draws its own, as some published code does.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from datasets.errors import DataError
from datasets.images.resize import Filter, resize

if TYPE_CHECKING:
    from torch import Tensor

Pixels = NDArray[np.uint8]
Original = Callable[[int], "Pixels | None"]
Normalisation = Literal["imagenet", "half", "bgr-mean"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
CAFFE_BGR_MEAN = (103.939, 116.779, 123.68)  # of ImageNet, on the 0..255 scale
_FILL = np.array([124, 116, 104], dtype=np.uint8)  # the ImageNet mean: about 0 after normalisation
_ERASE_TRIES = 10
_NUMBERS = {
    "imagenet": (255.0, IMAGENET_MEAN, IMAGENET_STD),
    "half": (255.0, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "bgr-mean": (1.0, CAFFE_BGR_MEAN, (1.0, 1.0, 1.0)),
}  # divisor of all colours, centre and spread of each
_MANY = 1 << 20  # values from which on the compiled loop is worth loading


@dataclass(frozen=True, slots=True)
class ClipTransform:
    """Random flip, padded crop, enlarged crop and erasing, in this order.

    Attributes:
        flip: probability of a horizontal flip.
        pad: pixels added on every side before a crop of the old size; 0 for none.
        crop_scale: the clip is enlarged by this factor and cropped back to its size; 1 for none.
        crop_probability: probability of the enlarged crop.
        erase: probability that a rectangle is painted over.
        erase_area: smallest and largest share of the area to erase.
        erase_aspect: smallest height/width of the rectangle; the largest is its inverse.
        per: whether the frames of a clip share the choices or draw their own.
        resize: the filter that enlarges, see `datasets.images.resize`.
    """

    flip: float = 0.0
    pad: int = 0
    crop_scale: float = 1.0
    crop_probability: float = 1.0
    erase: float = 0.0
    erase_area: tuple[float, float] = (0.02, 0.4)
    erase_aspect: float = 0.3
    per: Literal["clip", "frame"] = "clip"
    resize: Filter = "bilinear"

    def __post_init__(self) -> None:
        for name in ("flip", "crop_probability", "erase"):
            if not 0 <= getattr(self, name) <= 1:
                raise DataError(f"{name}={getattr(self, name)} is not a probability; take 0 to 1")
        low, high = self.erase_area
        if self.pad < 0 or self.crop_scale < 1 or not 0 < low <= high < 1 or not 0 < self.erase_aspect <= 1:
            raise DataError(
                f"{self} is not possible: pad must be 0 or more, crop_scale 1 or more, erase_area two rising "
                "shares between 0 and 1, erase_aspect above 0 and at most 1"
            )
        if self.per not in ("clip", "frame"):
            raise DataError(f"per={self.per!r} is unknown; take clip or frame")

    def __call__(self, clip: Pixels, rng: np.random.Generator, original: Original | None = None) -> Pixels:
        """Transform a clip.

        Args:
            clip: uint8 [T,H,W,3]; it is not changed.
            rng: the source of all choices; see `datasets.seeding.generator`.
            original: gives a frame of the clip, by its number, at the size that its file has, or None where that is
                the clip's. An enlarged crop is cut from these, so that its pixels are resampled once.

        Returns:
            uint8 [T,H,W,3], contiguous.
        """
        frames = range(len(clip))
        if self.per == "frame":
            return np.concatenate([self._together(clip, [t], rng, original) for t in frames])
        return self._together(clip, frames, rng, original)

    def _together(
        self, clip: Pixels, frames: Sequence[int], rng: np.random.Generator, original: Original | None
    ) -> Pixels:
        clip = clip[frames[0] : frames[-1] + 1]
        _, height, width, _ = clip.shape
        flips, crops, erases = rng.random(3) < (self.flip, self.crop_probability, self.erase)
        if flips:
            clip = clip[:, :, ::-1]
        if self.pad:
            margin = ((0, 0), (self.pad, self.pad), (self.pad, self.pad), (0, 0))
            padded = np.pad(clip, margin)
            padded[:, : self.pad] = padded[:, -self.pad :] = _FILL
            padded[:, :, : self.pad] = padded[:, :, -self.pad :] = _FILL
            clip = _crop(padded, height, width, rng)
        if self.crop_scale > 1 and crops:
            larger = (round(height * self.crop_scale), round(width * self.crop_scale))
            own = [None if original is None or self.pad else original(t) for t in frames]
            whole = [
                frame if file is None else file[:, ::-1] if flips else file
                for frame, file in zip(clip, own, strict=True)
            ]
            clip = _crop(np.stack([resize(frame, larger, self.resize) for frame in whole]), height, width, rng)
        if erases:
            clip = self._erased(clip, rng)
        return np.ascontiguousarray(clip)

    def _erased(self, clip: Pixels, rng: np.random.Generator) -> Pixels:
        """Random Erasing (Zhong et al., AAAI 2020): the rectangle is at the same place in all frames."""
        _, height, width, _ = clip.shape
        for _ in range(_ERASE_TRIES):
            area = rng.uniform(*self.erase_area) * height * width
            aspect = np.exp(rng.uniform(np.log(self.erase_aspect), -np.log(self.erase_aspect)))
            tall, wide = round(np.sqrt(area * aspect)), round(np.sqrt(area / aspect))
            if 0 < tall < height and 0 < wide < width:
                top, left = rng.integers(height - tall + 1), rng.integers(width - wide + 1)
                clip = clip.copy()
                clip[:, top : top + tall, left : left + wide] = _FILL
                return clip
        return clip

    @classmethod
    def published(cls, name: str) -> Self:
        """The augmentation of a published code, by name.

        `none`: GLTR, M3D, STMP. `jg`: Gao and Nevatia, COSAM; with probability 1/2 enlarged to 1.125 and
        cropped, flipped with probability 1/2, each frame for itself. `tkp`: flip only, also STA and VRSTC.
        `adfd`: enlarged to 1.125 and cropped, and flipped. `csa`: flip, and erasing with probability 1/2
        of 2 to 20 % (its released code pastes the patch at a wrong place; this one does not).

        Raises:
            DataError: for an unknown name.
        """
        known = {
            "none": cls(),
            "jg": cls(flip=0.5, crop_scale=1.125, crop_probability=0.5, per="frame"),
            "tkp": cls(flip=0.5),
            "adfd": cls(flip=0.5, crop_scale=1.125),
            "csa": cls(flip=0.5, erase=0.5, erase_area=(0.02, 0.2)),
        }
        if name not in known:
            raise DataError(f"there is no augmentation called {name!r}; known are {', '.join(known)}")
        return known[name]


def to_tensor(
    clip: "Pixels | Tensor", normalise: Normalisation = "imagenet", *, channels_last: bool = False
) -> "Tensor":
    """Normalise pixels where they are, so that uint8 and not float32 travels to the device.

    Colours are parted while they are bytes, or left together and a row of pixels taken as one line of numbers; many
    pixels in host memory go through a compiled loop. Whichever way, the bits are those of torchvision's steps.

    Args:
        clip: uint8 [...,H,W,3], RGB; an array, or a tensor on any device.
        normalise: `imagenet` subtracts the mean and divides by the deviation of ImageNet; `half` maps to
            -1..1 (STMP); `bgr-mean` turns to BGR on the 0..255 scale and subtracts Caffe's mean (the reading
            of the GLTR paper's text).
        channels_last: leave the colours of a pixel beside each other in memory, as they come; without it they are
            parted into planes, which is one more copy.

    Returns:
        float32 [...,3,H,W] on the device of the input; contiguous, unless `channels_last`.

    Raises:
        DataError: for an unknown normalisation, or pixels that are not uint8 RGB.
    """
    import torch  # the rest of this floor works without it

    if normalise not in get_args(Normalisation):
        raise DataError(f"normalise={normalise!r} is unknown; take one of {', '.join(get_args(Normalisation))}")
    pixels = torch.from_numpy(np.ascontiguousarray(clip)) if isinstance(clip, np.ndarray) else clip
    if pixels.dtype != torch.uint8 or pixels.shape[-1] != 3:
        raise DataError(f"pixels must be uint8 [...,H,W,3], not {pixels.dtype} {tuple(pixels.shape)}")
    if normalise == "bgr-mean":
        pixels = pixels.flip(-1)
    divisor, centre, spread = _NUMBERS[normalise]
    if pixels.device.type == "cpu" and pixels.numel() >= _MANY:
        with suppress(ImportError):
            from datasets.images.normalise_numba import normalised

            whole = pixels.contiguous().numpy()
            found = torch.from_numpy(normalised(whole, divisor, centre, spread, channels_last=channels_last))
            return found.movedim(-1, -3) if channels_last else found
    middle, scale = (torch.tensor(colours, device=pixels.device) for colours in (centre, spread))
    if channels_last:
        width = pixels.shape[-2]
        values = pixels.reshape(-1, 3 * width).to(torch.float32)  # [...*H, W*3]
        values.div_(divisor).sub_(middle.repeat(width)).div_(scale.repeat(width))
        return values.view(pixels.shape).movedim(-1, -3)
    values = pixels.movedim(-1, -3).contiguous().to(torch.float32)  # [...,3,H,W]
    return values.div_(divisor).sub_(middle.view(3, 1, 1)).div_(scale.view(3, 1, 1))


def _crop(clip: Pixels, height: int, width: int, rng: np.random.Generator) -> Pixels:
    top = rng.integers(clip.shape[1] - height + 1)
    left = rng.integers(clip.shape[2] - width + 1)
    return clip[:, top : top + height, left : left + width]
