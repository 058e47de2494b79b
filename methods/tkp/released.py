"""The authors' checkpoint layout, mapped onto this model; nothing is skipped and nothing is guessed.

The released code saves a dict: ``vid_model_state_dict`` (383 entries, torchvision's names, but the non-local blocks
stand inside the stages and shift the numbers behind them, and every convolution has a temporal axis of size 1),
``img_model_state_dict`` (318 entries, the stages numbered under ``base``), ``classifier_state_dict`` (2 entries), and
the numbers ``rank1`` and ``epoch``.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from methods.layers.state_dict import listed, load_strict, opened, state_of

from ..errors import MethodError
from ..layers.nonlocal_block import PLACES
from .model import TKP

PARTS = {"video": "vid_model_state_dict", "image": "img_model_state_dict", "classifier": "classifier_state_dict"}
CLASSIFIER = "classifier"
NUMBERS = ("rank1", "epoch")

_BASE = {"conv1": 0, "bn1": 1, "layer1": 4, "layer2": 5, "layer3": 6, "layer4": 7}  # 2 and 3 have no entries
_BLOCK = {"theta": "theta", "phi": "phi.0", "g": "g.0", "out": "W.0", "norm": "W.1"}


def load_released(method: nn.Module, checkpoint: Mapping[str, Any] | str | Path) -> None:
    """Load a checkpoint of the released code, strictly.

    Args:
        method: ``methods.create("tkp", num_ids)``, in either reading: they differ in training only.
        checkpoint: its file, or what ``methods.load_checkpoint(file)`` makes of it: the authors' dict of three state
            dicts.  A bare ``torch.load`` refuses what their training script writes, as ``rank1`` is a NumPy number.
            What is dealt with by itself is listed in `methods.layers.state_dict`; without ``classifier_state_dict``
            the classifier keeps its values.

    Raises:
        MethodError: the method has another structure; the checkpoint is none; a part is missing or unknown; entries of
            a part are missing, unknown, of another shape or not finite.  The message names them and the method is
            unchanged.
    """
    if not isinstance(method, TKP) or not _same_structure(method):
        raise MethodError("this checkpoint layout needs methods.create('tkp', ...) of depth 50 with non-local blocks")
    given = opened(checkpoint, "the checkpoint")
    missing = [key for part, key in PARTS.items() if key not in given and part != CLASSIFIER]
    extra = [key for key in given if key not in PARTS.values() and key not in NUMBERS]
    if missing or extra:
        raise MethodError(
            f"the checkpoint is not of TKP's released layout, a dict of {', '.join(PARTS.values())}:"
            f" missing {listed(missing)}; unknown {listed(extra)}"
        )
    ready = dict(method.state_dict())
    for part, key in PARTS.items():
        ready |= _part(
            part, key, method.get_submodule(part), state_of(given[key], key, whole=False) if key in given else {}
        )
    method.load_state_dict(ready, strict=True)


def theirs_of_video(name: str) -> str:
    """The released name of an entry of ``video``: ``trunk.layer2.2.conv1.weight`` is ``layer2.3.conv1.weight``."""
    kind, stage, *rest = name.split(".")
    if kind == "nonlocals":  # after its residual block, and after all non-local blocks before it
        number, part, *rest = rest
        return ".".join([stage, str(int(number) + 1 + _before(stage, int(number))), _BLOCK[part], *rest])
    if stage in PLACES:
        number, *rest = rest
        rest = [str(int(number) + _before(stage, int(number))), *rest]
    return ".".join([stage, *rest])


def theirs_of_image(name: str) -> str:
    """The released name of an entry of ``image``: ``layer1.0.conv1.weight`` is ``base.4.0.conv1.weight``."""
    stage, _, rest = name.partition(".")
    return f"base.{_BASE[stage]}.{rest}"


_NAMES: dict[str, Callable[[str], str]] = {
    "video": theirs_of_video,
    "image": theirs_of_image,
    "classifier": lambda name: f"classifier.{name}",
}


def _before(stage: str, number: int) -> int:
    """Non-local blocks of a stage in front of one of its residual blocks."""
    return sum(place < number for place in PLACES[stage])


def _part(part: str, key: str, module: nn.Module, state: Mapping[str, Any]) -> dict[str, Tensor]:
    """One of the three state dicts under our names."""
    own = module.state_dict()
    names = {_NAMES[part](name): name for name in own}
    inflated = {name for name, ours in names.items() if part == "video" and own[ours].ndim == 4}
    found = load_strict(
        state,
        {name: own[ours] for name, ours in names.items()},
        shapes={name: _shape(own[ours], name in inflated) for name, ours in names.items()},
        classifier=tuple(names) if part == CLASSIFIER else (),
        what=f"{key} is not of TKP's released layout ({len(names)} entries)",
        entry=f"{key}: ",
        hint=lambda _: "; create the method with that many num_ids" if part == "classifier" else "",
    )
    return {f"{part}.{names[n]}": v.squeeze(2) if n in inflated else v for n, v in found.items()}


def _shape(value: Tensor, inflated: bool) -> list[int]:
    """As the authors have it: weights of the video network carry a temporal size of 1."""
    shape = list(value.shape)
    return [*shape[:2], 1, *shape[2:]] if inflated else shape


def _same_structure(method: TKP) -> bool:
    options = method.options
    return (options.depth, options.last_stride, options.non_local) == (50, 1, True)
