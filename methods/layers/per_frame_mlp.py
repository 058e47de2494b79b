"""Controls for claims about time: would as many parameters without time have done the same?"""

from typing import TypeVar

from torch import Tensor, nn
from torch.nn import functional

from ..errors import MethodError
from .packing import zero_padding
from .pooling import masked_mean

Net = TypeVar("Net", bound=nn.Module)
TOLERANCE = 0.01


class PerFrameMLP(nn.Module):
    """Linear-ReLU-Linear on each frame alone, then the mean over real frames: a head that cannot see time.

    Args:
        in_dim: width of a frame feature.
        out_dim: width of the descriptor.
        parameters: how many parameters to come close to; the hidden width is chosen so.

    Raises:
        MethodError: no hidden width comes within 1 % of that number.
    """

    def __init__(self, in_dim: int, out_dim: int, parameters: int) -> None:
        super().__init__()
        hidden = round((parameters - out_dim) / (in_dim + out_dim + 1))
        count = hidden * (in_dim + out_dim + 1) + out_dim
        if hidden < 1 or abs(count - parameters) > TOLERANCE * parameters:
            raise MethodError(
                f"a per-frame MLP {in_dim} -> {out_dim} cannot have {parameters} parameters, only {count}"
            )
        self.first = nn.Linear(in_dim, hidden)
        self.second = nn.Linear(hidden, out_dim)
        for layer in (self.first, self.second):  # keeps the scale of features from input to output
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu" if layer is self.first else "linear")
            nn.init.zeros_(layer.bias)

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """``[B, T, in_dim]`` and ``[B, T]`` bool -> ``[B, out_dim]``."""
        rows = self.second(functional.relu(self.first(zero_padding(features, mask))))
        return masked_mean(rows, mask)


def replace_temporal(method: Net) -> Net:
    """Put a `PerFrameMLP` of equal size in the place of a method's temporal head, in the method itself.

    Args:
        method: an arm's network that satisfies `methods.interface.TemporalHead`.

    Raises:
        MethodError: it has no temporal head, or one without parameters, for which the control says nothing.
    """
    from ..interface import TemporalHead

    if not isinstance(method, TemporalHead):
        raise MethodError(f"{type(method).__name__} has no temporal head that a per-frame control could replace")
    count = sum(parameter.numel() for parameter in method.temporal.parameters())
    if count == 0:
        raise MethodError("the temporal head has no parameters, so a per-frame control of its size does not exist")
    device = next(method.parameters()).device
    method.temporal = PerFrameMLP(method.frame_dim, method.descriptor_dim, count).to(device)
    return method
