"""The perfect repair, which only a rendered data set knows: how much could be won at all.

`oracle` gives the frames without anything in front of the person. `oracle-called` does so only where pixels
are said to be hidden, so it stands for perfect completion after an imperfect detection.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from datasets.errors import DataError
from datasets.images import decode
from datasets.images.open import ImageFault
from datasets.repaired.interface import Footage, Frames, Repaired, untouched


class Oracle:
    """Every frame becomes its twin, wherever the two differ; what is called hidden plays no part.

    It is meant for the rendered set itself: a frame without a twin of its own stays as the footage has it.
    """

    name = "oracle"

    def __init__(self, root: Path) -> None:
        """Take the twins from the truth of a rendered SynthWalk.

        Args:
            root: of the rendered set.

        Raises:
            DataError: where there is no truth, as in every real data set and in every repaired one.
        """

        self._root = Path(root)
        if not (self._root / "truth" / "manifest.json").is_file():
            raise DataError(
                f"{self._root} holds no truth about its frames, and the repairer {self.name!r} needs it: only a "
                "rendered SynthWalk has it; take another repairer, or the rendered set as the source"
            )
        self.options: Mapping[str, Any] = {}  # the truth is the source's own, whose fingerprint counts anyway

    def repair(self, footage: Footage) -> Repaired:
        """The twins; changed is where they differ from the footage in any channel.

        Raises:
            DataError: where the truth is missing, damaged or of other frames.
        """
        twins = self._twins(footage)
        changed = (twins != footage.frames).any(axis=-1)
        return Repaired(twins, changed, np.arange(len(twins), dtype=np.int64))

    def _twins(self, footage: Footage) -> Frames:
        from datasets.synthwalk import truth

        stored = truth.load_truth(self._root, footage.key).twins
        if len(stored) != len(footage.frames):
            raise DataError(
                f"{self._root} knows {len(stored)} frames of tracklet {footage.key}, but {len(footage.frames)} are to "
                f"be repaired: the repairer {self.name!r} fits the rendered set itself, so take that as the source"
            )
        twins = footage.frames.copy()
        for number, jpeg in enumerate(stored):
            if jpeg is None:
                continue
            where = f"the twin of frame {number + 1} of tracklet {footage.key} under {self._root}"
            try:
                twin = decode.decode(jpeg)
            except ImageFault as error:
                raise DataError(f"{where} {error}; render SynthWalk again") from error
            if twin.shape != twins.shape[1:]:
                raise DataError(
                    f"{where} has {twin.shape[0]}x{twin.shape[1]} pixels, expected {twins.shape[1]}x{twins.shape[2]}; "
                    "take the rendered set as the source"
                )
            twins[number] = twin
        return twins


class OracleCalled(Oracle):
    """A frame becomes its twin inside the hidden pixels, wherever the two differ there."""

    name = "oracle-called"

    def repair(self, footage: Footage) -> Repaired:
        """The twins inside the hidden pixels.

        Raises:
            DataError: as `Oracle.repair`.
        """
        if not footage.hidden.any():
            return untouched(footage)
        twins = self._twins(footage)
        changed = (twins != footage.frames).any(axis=-1) & footage.hidden
        frames = np.where(changed[..., None], twins, footage.frames)
        return Repaired(frames, changed, np.arange(len(frames), dtype=np.int64))
