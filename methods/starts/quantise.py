"""A trunk in 8 bits a channel: a quarter of its size, at a cost that is measured and written on its card.

The form, exactly. Of every tensor with two or more dimensions (convolutions), and for each of its output channels
``c``: ``scale[c] = max |w[c]| / 127`` in float32, or 1 where that is no normal number (an all but zero channel), and
``q[c] = round(w[c] / scale[c])``, halves to even, as int8 from -127 to 127. Stored are ``q`` under the tensor's own
name and ``scale`` ``[C]`` under that name and ``.scale``. Tensors with one dimension (batch norm: weight, bias, mean,
variance) are stored whole, as float32: together they are a fiftieth. ``num_batches_tracked`` is left out; nothing here
reads it. Back again: ``w[c] = q[c] * scale[c]`` in float32. Symmetric 8 bits a channel are the usual form for weights
(Krishnamoorthi 2018, section 2.2 and table 2).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import MethodError

LARGEST = 127
SCALE = ".scale"
COUNTER = "num_batches_tracked"


@dataclass(frozen=True, slots=True)
class QuantisationError:
    """How far quantised weights are from what they were; of convolutions alone, as all else is stored whole.

    Attributes:
        largest: of all weights, the largest error over the largest weight of its channel; 1/254 at most.
        mean: the mean error over the mean size of a weight.
    """

    largest: float
    mean: float


def quantise(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A trunk's weights in 8 bits a channel, ready to be stored.

    Args:
        state: names to tensors of floats.

    Raises:
        MethodError: a value is not finite, a tensor holds no floats, or a name ends as those of scales do.
    """
    stored: dict[str, Tensor] = {}
    for name, value in state.items():
        if name.endswith(COUNTER):
            continue
        if name.endswith(SCALE):
            raise MethodError(f"{name}: names that end in {SCALE} are those of scales; call the entry otherwise")
        if not value.is_floating_point():
            raise MethodError(f"{name} holds {value.dtype}, expected floats; only weights of a trunk are stored")
        whole = value.detach().to("cpu", torch.float32)
        if not bool(whole.isfinite().all()):
            raise MethodError(f"{name} holds values that are not finite (NaN or infinite); train again")
        if whole.ndim < 2:
            stored[name] = whole.clone()
            continue
        largest = whole.flatten(1).abs().amax(1)  # [C]
        scale = largest / LARGEST
        scale = torch.where(scale >= torch.finfo(torch.float32).tiny, scale, torch.ones_like(scale))
        quantised = (whole / _beside(scale, whole)).round().clamp(-LARGEST, LARGEST)
        stored[name], stored[name + SCALE] = quantised.to(torch.int8), scale
    return stored


def restore(stored: Mapping[str, Tensor], where: str) -> dict[str, Tensor]:
    """What `quantise` stored, as float32.

    Args:
        stored: names to tensors.
        where: the file, for messages.

    Raises:
        MethodError: it is not of the form that this module states; file and entry are named.
    """
    again = "get the file again, or pack the start again"
    state: dict[str, Tensor] = {}
    for name, value in stored.items():
        if name.endswith(SCALE):
            if name.removesuffix(SCALE) not in stored:
                raise MethodError(f"{where}: {name} has no tensor {name.removesuffix(SCALE)} to scale; {again}")
            continue
        scale = stored.get(name + SCALE)
        if value.ndim < 2:
            if value.dtype != torch.float32 or scale is not None:
                raise MethodError(f"{where}: {name} is a vector of {value.dtype}, expected float32, unscaled; {again}")
            state[name] = value
        elif value.dtype != torch.int8 or scale is None:
            what = "without scales" if scale is None else f"of {value.dtype}"
            raise MethodError(f"{where}: {name} is stored {what}, expected int8 with {name + SCALE}; {again}")
        elif scale.dtype != torch.float32 or scale.shape != value.shape[:1]:
            expected = f"float32 {list(value.shape[:1])}"
            raise MethodError(
                f"{where}: {name + SCALE} is {scale.dtype} {list(scale.shape)}, expected {expected}; {again}"
            )
        elif not bool((scale.isfinite() & (scale > 0)).all()):
            raise MethodError(f"{where}: {name + SCALE} holds scales that are not positive and finite; {again}")
        else:
            state[name] = value.to(torch.float32) * _beside(scale, value)
        if not bool(state[name].isfinite().all()):
            raise MethodError(f"{where}: {name} holds values that are not finite (NaN or infinite); {again}")
    return state


def error_of(state: Mapping[str, Tensor], restored: Mapping[str, Tensor]) -> QuantisationError:
    """What quantising cost the weights.

    Args:
        state: as they were.
        restored: as they came back.
    """
    largest, difference, size = 0.0, 0.0, 0.0
    for name, value in restored.items():
        if value.ndim < 2:
            continue
        before = state[name].detach().to("cpu", torch.float32)
        apart = (before - value).abs()
        channels = before.flatten(1).abs().amax(1).clamp_min(torch.finfo(torch.float32).tiny)
        largest = max(largest, float((apart.flatten(1).amax(1) / channels).max()))
        difference += float(apart.double().sum())
        size += float(before.double().abs().sum())
    return QuantisationError(largest, difference / size if size else 0.0)


def _beside(scale: Tensor, value: Tensor) -> Tensor:
    """A number for each channel in a shape that multiplies the channels of a tensor."""
    return scale.reshape(-1, *[1] * (value.ndim - 1))
