"""Write a small RAP in the layout of the real one, whose licence lets nobody ship it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.io import savemat

NAMES = (
    "Female", "AgeLess16", "Age17-30", "Age31-45", "BodyFat", "Customer", "hs-BaldHead", "hs-LongHair", "hs-BlackHair",
    "hs-Hat", "hs-Glasses", "hs-Muffler", "ub-Shirt", "ub-Sweater", "ub-Vest", "ub-TShirt", "ub-Cotton", "ub-Jacket",
    "ub-SuitUp", "ub-Tight", "ub-ShortSleeve", "lb-LongTrousers", "lb-Skirt", "lb-ShortSkirt", "lb-Dress", "lb-Jeans",
    "lb-TightTrousers", "shoes-Leather", "shoes-Sport", "shoes-Boots", "shoes-Cloth", "shoes-Casual", "attach-Backpack",
    "attach-SingleShoulderBag", "attach-HandBag", "attach-Box", "attach-PlasticBag", "attach-PaperBag",
    "attach-HandTrunk", "attach-Other", "action-Calling", "faceFront", "occlusionLeft",
    *(f"up-{c}" for c in ("Black", "White", "Gray", "Red", "Green", "Blue", "Yellow", "Brown", "Purple", "Pink",
                          "Orange", "Mixture")),
    *(f"low-{c}" for c in ("Black", "White", "Gray", "Red", "Green", "Blue", "Yellow", "Mixture")),
    *(f"shoes-{c}" for c in ("Black", "White", "Gray", "Red", "Green", "Blue", "Yellow", "Brown")),
)  # fmt: skip
"""The 66 of ADFD and 5 others, spelled as lists of RAP v1 spell them."""

TRAIN, TEST = (1, 2, 4, 6, 7), (3, 5)  # from 1; image 8 is in neither half
IMAGES = tuple(f"CAM{1 + i % 3:02d}_2014-02-15_frame{i:04d}_line1.png" for i in range(1, 9))
FIELDS = ("partition", "label", "attribute_chinese", "attribute_eng", "position", "imagesname", "attribute_exp")


def cells(values: Sequence[Any]) -> np.ndarray:
    """A MATLAB cell array [n, 1]."""
    made = np.empty((len(values), 1), dtype=object)
    for place, value in enumerate(values):
        made[place, 0] = value
    return made


def pair(train: Sequence[int], test: Sequence[int]) -> np.ndarray:
    """A 1 x 2 cell of index rows."""
    made = np.empty((1, 2), dtype=object)
    made[0, 0], made[0, 1] = np.array([train], dtype=np.int32), np.array([test], dtype=np.int32)
    return made


def labels(names: Sequence[str] = NAMES, images: int = len(IMAGES)) -> np.ndarray:
    """0 or 1 by a fixed rule: image i has attribute a where (i + 1) * (a + 3) leaves 0 or 1 on division by 5."""
    return np.array([[(i + 1) * (a + 3) % 5 < 2 for a in range(len(names))] for i in range(images)], dtype=np.uint8)


def parts(**changes: Any) -> dict[str, Any]:
    """The struct's fields in the order of v1; changes replace some of them."""
    names: Sequence[str] = changes.pop("names", NAMES)
    return {
        "partition": cells([pair(TRAIN, TEST)] * 5),
        "label": labels(names),
        "attribute_chinese": cells([f"属性{i}" for i in range(len(names))]),
        "attribute_eng": cells(list(names)),
        "position": np.zeros((len(IMAGES), 20)),
        "imagesname": cells(list(IMAGES)),
        "attribute_exp": np.arange(1, 52)[:, None],
        **changes,
    }


def write(root: Path, fields: Mapping[str, Any] | None = None, *, struct: Any = None) -> Path:
    """Write images and annotation; returns root. `struct` replaces the struct as a whole."""
    (root / "RAP_annotation").mkdir(parents=True)
    (root / "RAP_dataset").mkdir()
    stored = dict(fields if fields is not None else parts()) if struct is None else struct
    savemat(root / "RAP_annotation" / "RAP_annotation.mat", {"RAP_annotation": stored})
    for place, name in enumerate(IMAGES):
        Image.new("RGB", (4 + place, 9), (20 * place, 90, 30)).save(root / "RAP_dataset" / name)
    return root
