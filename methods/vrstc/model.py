"""VRSTC, top to bottom: which of its three networks the options ask for.

Hou, Ma, Chang, Gu, Shan, Chen: VRSTC: Occlusion-Free Video Person Re-Identification, CVPR 2019. A plain re-ID network
scores regions (`reid.PlainNet`, `regions`), STCnet completes what it finds hidden (`stcnet`, `generators`, `attention`,
`discriminator`), and a network with non-local blocks is trained and judged on the result (`reid.NonLocalNet`). Who
scores, what is rewritten and what is trained on it is the runner's business. README.md lists what the text leaves open.
"""

from torch import nn

from .options import Options
from .reid import NonLocalNet, PlainNet
from .stcnet import STCNet


def build(num_ids: int, options: Options, frame_size: tuple[int, int]) -> nn.Module:
    """The network for a number of training identities.

    Only STCnet asks for the frame size: its discriminators end in a fully connected layer, and its automatic width
    follows from the height. Completion itself, and both re-ID networks, take frames of any size.
    """
    if options.network == "stcnet":
        return STCNet(num_ids, options, frame_size)
    return (PlainNet if options.network == "plain" else NonLocalNet)(num_ids, options)
