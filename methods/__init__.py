"""Who looks: one self-contained folder a paper, behind `methods.interface`.

Nothing here imports torch until a network is made:

    methods.papers()                            every paper's card
    methods.paper("gltr")                       one card, by name or by the path of a folder
    methods.arm("gltr[tsa=off]")                one arm, parsed and checked
    methods.create("gltr", num_ids=625)         the network, an ``nn.Module``
    methods.load_checkpoint("model.pth.tar")    a file that authors stored, weights only
"""

from pathlib import Path
from typing import Any

from .arms import Arm, arm
from .errors import MethodError
from .registry import create, paper, papers

__all__ = ["Arm", "MethodError", "arm", "create", "load_checkpoint", "paper", "papers"]


def load_checkpoint(file: str | Path) -> Any:
    """What authors stored with ``torch.save``, nothing of it run as code; see `methods.layers.state_dict`.

    Raises:
        MethodError: the file is absent, cut or damaged, or holds more than tensors, numbers, texts, lists and dicts.
    """
    from methods.layers.state_dict import load_checkpoint as load

    return load(file)
