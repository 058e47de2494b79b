"""Starting weights into the trunks of a network, once their file is what its card says."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from files.digest import sha256
from files.formats import safetensors

from ..errors import MethodError
from ..layers.resnet import Startable, trunks_of
from .card import StartCard, start_of_depth
from .quantise import restore

_AGAIN = "get the file again, or pack the start again with `python -m runners.start pack`"


@dataclass(frozen=True, slots=True)
class Filled:
    """What starting weights did to a network.

    Attributes:
        card: of the start; None for a network without trunks, which keeps its initial weights.
        trunks: how many were filled.
        fresh: entries of the trunks that the start does not have, and that keep their initial values.
    """

    card: StartCard | None
    trunks: int = 0
    fresh: tuple[str, ...] = ()


def state_of(card: StartCard) -> dict[str, Tensor]:
    """A start's weights as float32, by the names of `methods.layers.resnet.Trunk`.

    Raises:
        MethodError: the file is absent, has another digest than its card says, or another form.
    """
    file = card.weights
    if not file.is_file():
        raise MethodError(f"{file} is missing, the weights of {card.path}; {_AGAIN}")
    try:
        found = sha256(file)
    except OSError as error:
        raise MethodError(f"{file} cannot be read ({error.strerror}); {_AGAIN}") from error
    if found != card.sha256:
        raise MethodError(f"{file} has the SHA-256 {found[:16]}..., but its card says {card.sha256[:16]}...; {_AGAIN}")
    return restore(safetensors.load(file, error=MethodError, remedy=_AGAIN), str(file))


def load_start(network: nn.Module, starts: Mapping[int, StartCard]) -> Filled:
    """Fill every trunk of a network with the start of its depth; all else keeps its initial weights.

    Args:
        network: any; one without trunks is left as it is.
        starts: depth -> start.

    Raises:
        MethodError: its trunks have no start, differ in depth, or are no ResNets that the start fits.
    """
    trunks = trunks_of(network)
    if not trunks:
        return Filled(None)
    depths = sorted({trunk.depth for _, trunk in trunks})
    if len(depths) > 1:
        raise MethodError(
            f"this network has trunks of depths {' and '.join(map(str, depths))}; a start is of one depth"
        )
    card = start_of_depth(depths[0], starts)
    state, fresh = state_of(card), list[str]()
    for name, trunk in trunks:
        fresh += [f"{name}.{entry}".lstrip(".") for entry in _load(trunk, state, card)]
    return Filled(card, len(trunks), tuple(fresh))


def _load(trunk: Startable, state: Mapping[str, Tensor], card: StartCard) -> tuple[str, ...]:
    try:
        return trunk.load_start(state)
    except MethodError as error:
        raise MethodError(f"{card.name} does not fit this network: {error}") from None
