"""Who looks: one self-contained folder a paper, behind `methods.interface`.

Nothing here imports torch until a network is made:

    methods.papers()                            every paper's card
    methods.paper("gltr")                       one card, by name or by the path of a folder
    methods.arm("gltr[tsa=off]")                one arm, parsed and checked
    methods.create("gltr", num_ids=625)         the network, an ``nn.Module``
"""

from .arms import Arm, arm
from .errors import MethodError
from .registry import create, paper, papers

__all__ = ["Arm", "MethodError", "arm", "create", "paper", "papers"]
