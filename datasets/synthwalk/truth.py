"""What no real data set has: the truth about every rendered frame, written beside the images and read back.

    truth/manifest.json          version, seed, parameters, encoder, counts, fingerprint, names of all codes
    truth/attributes.csv         one line a tracklet of a real person, in the columns of MARS-Attribute
    truth/identities.csv         one line an identity, with the names this renderer knows them by
    truth/gait.json              poses and timing of each identity, start of each tracklet
    truth/cameras.json           parameters of the cameras
    truth/groups.json            look-alike groups and motion-only twins of both halves
    truth/tracklets/<person>/<key>.npz    masks, twins and visibility of one tracklet (`Truth`)

In the attribute columns 1 is yes; for gender 1 is a woman, for hair 1 is long, for top and bottom length
1 is long sleeves and long legs, for bottom type 1 is a skirt. Colours, age and pose have the codes of
MARS-Attribute; motion is always 0, walking.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from datasets.errors import DataError
from datasets.synthwalk import exact_math
from datasets.synthwalk.scenes.cameras import Camera
from datasets.synthwalk.world import gait, people
from datasets.synthwalk.world.gait import Style, Tempo
from datasets.synthwalk.world.population import Identity, Population, Track
from files.formats import arrays, json

TOP_CODES: Final = ("black", "purple", "green", "blue", "gray", "white", "yellow", "red", "complex")
BOTTOM_CODES: Final = ("white", "purple", "black", "green", "gray", "pink", "yellow", "blue", "brown", "complex")
ATTRIBUTE_COLUMNS: Final = (
    "person_id", "camera_id", "tracklets_id", "motion", "pose", "occlusion", "cut-out", "multi-person",
    "background-dominant", "target-change", "target-miss", "wrong-target", "top color", "bottom color", "age",
    "top length", "bottom length", "shoulder bag", "backpack", "hat", "hand bag", "hair", "gender",
    "bottom type",
)  # fmt: skip
IDENTITY_COLUMNS: Final = (
    "person_id", "half", "kind", "group", "height_m", "girth", "legs", "shoulders", "woman", "age", "top",
    "top_colour", "second_colour", "pattern", "bottom", "bottom_colour", "shoe_colour", "skin", "hair",
    "hair_colour", "beard", "glasses", "hat", "backpack", "shoulder_bag", "hand_bag", "bag_colour", "logo",
    "logo_back",
)  # fmt: skip
_RENDER: Final = "render SynthWalk again into an empty folder"
_SHAPES: Final[dict[str, tuple[str, tuple[str | int, ...]]]] = {
    "labels": ("u", ("T", "H", "W")), "occluders": ("u", ("T", "H", "W")), "visible": ("f", ("T",)),
    "visible_thirds": ("f", ("T", 3)), "view": ("f", (2, "T")), "twin_sizes": ("iu", ("T",)), "twin_bytes": ("u", ()),
}  # fmt: skip
"""Array of a tracklet's file -> kinds of number, and shape; any length where there is none."""
_Read = TypeVar("_Read")
HIDDEN: Final = 0.7  # a frame that shows less of the person than this is occluded, and so is its tracklet


class Truth(NamedTuple):
    """The truth about one tracklet of T frames.

    Attributes:
        labels: uint8 [T, H, W], part of the person at each pixel whether or not it can be seen
            (`materials.LABELS`, 0 is background).
        occluders: uint8 [T, H, W], what stands in front (`props.OCCLUDERS`, 0 is nothing).
        visible: float32 [T], share of the person's pixels with nothing in front; NaN without a person.
        visible_thirds: float32 [T, 3], the same in the top, middle and bottom third of the frame.
        yaw, elevation: float32 [T], radians; yaw 0 faces the camera, positive turns to the right.
        twins: the JPEG of each frame without what stands in front; None where the frame is its own twin.
    """

    labels: NDArray[np.uint8]
    occluders: NDArray[np.uint8]
    visible: NDArray[np.float32]
    visible_thirds: NDArray[np.float32]
    yaw: NDArray[np.float32]
    elevation: NDArray[np.float32]
    twins: tuple[bytes | None, ...]


def pack(truth: Truth) -> bytes:
    """A tracklet's truth as the bytes of an npz file."""
    sizes = [0 if twin is None else len(twin) for twin in truth.twins]
    data = np.frombuffer(b"".join(twin for twin in truth.twins if twin is not None), dtype=np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer, labels=truth.labels, occluders=truth.occluders, visible=truth.visible,
        visible_thirds=truth.visible_thirds, view=np.stack([truth.yaw, truth.elevation]),
        twin_sizes=np.array(sizes, dtype=np.int32), twin_bytes=data,
    )  # fmt: skip
    return buffer.getvalue()


def truth_path(root: Path, key: str) -> Path:
    """Where the truth of a tracklet lies; the key's first four characters are the person."""
    return root / "truth" / "tracklets" / key[:4] / f"{key}.npz"


def load_truth(root: Path, key: str) -> Truth:
    """Read the truth of one tracklet.

    Args:
        root: of the rendered data set.
        key: of the tracklet, such as "0002C1T0012".

    Raises:
        DataError: where there is none or it cannot be read.
    """
    path = truth_path(root, key)
    stored = arrays.load_npz(path, error=DataError, remedy=_RENDER)
    arrays.require(stored, tuple(_SHAPES), path, error=DataError, remedy=_RENDER)
    frames, height, width = stored["labels"].shape if stored["labels"].ndim == 3 else (-1, -1, -1)
    sides: dict[str | int, int] = {"T": frames, "H": height, "W": width, 2: 2, 3: 3}
    for name, (kinds, shape) in _SHAPES.items():
        wanted = tuple(sides[axis] for axis in shape)
        if stored[name].dtype.kind not in kinds or (shape and stored[name].shape != wanted):
            raise DataError(
                f"{path}: {name!r} is {stored[name].dtype} {list(stored[name].shape)}, which does not fit the labels "
                f"{list(stored['labels'].shape)}; {_RENDER}"
            )
    sizes, data = stored["twin_sizes"].astype(np.int64), stored["twin_bytes"].tobytes()
    if sizes.min(initial=0) < 0 or sizes.max(initial=0) > len(data) or int(sizes.sum()) != len(data):
        raise DataError(f"{path}: its twins have {len(data):,} bytes, and other sizes are noted; {_RENDER}")
    ends = np.cumsum(sizes).tolist()
    twins = tuple(data[end - size : end] if size else None for end, size in zip(ends, sizes.tolist(), strict=True))
    yaw, elevation = stored["view"]
    return Truth(
        stored["labels"], stored["occluders"], stored["visible"], stored["visible_thirds"], yaw, elevation, twins
    )


def joint_angles(root: Path, key: str, frames: int) -> NDArray[np.float64]:
    """The true joint angles of a tracklet's first `frames` frames [frames, 15], exactly as rendered.

    Radians, in the order of `gait.ANGLES`.

    Raises:
        DataError: the truth is missing or damaged, or does not know the tracklet.
    """
    stored = read_json(root, "gait")

    def angles(entry: dict[str, Any], walker: dict[str, Any]) -> NDArray[np.float64]:
        phase = gait.phases(Tempo(**walker["tempo"]), entry["start"], entry["wobble"], frames)
        return gait.joint_angles(Style(**walker["style"]), phase)

    return _of_walker(stored, root, key, angles)


def tempos(root: Path, keys: Sequence[str]) -> NDArray[np.float64]:
    """The true tempo of the walker of each tracklet, passers-by included: cadence, halting, rhythm [N, 3].

    Units as in `gait.Tempo`.

    Args:
        root: of the rendered data set.
        keys: of the tracklets.

    Raises:
        DataError: the truth is missing or damaged, or does not know a tracklet.
    """
    stored = read_json(root, "gait")

    def tempo(entry: dict[str, Any], walker: dict[str, Any]) -> list[float]:
        one = Tempo(**walker["tempo"])
        values = [float(one.cadence), float(one.halting), float(one.rhythm)]
        if not np.isfinite(values).all():
            raise ValueError(f"tempo {values}")
        return values

    return np.array([_of_walker(stored, root, key, tempo) for key in keys], dtype=np.float64).reshape(-1, 3)


def _of_walker(
    stored: dict[str, Any], root: Path, key: str, read: Callable[[dict[str, Any], dict[str, Any]], _Read]
) -> _Read:
    """What is read from a tracklet's entry in `gait.json` and from that of its walker."""
    tracklets = stored.get("tracklets")
    if not isinstance(tracklets, dict) or key not in tracklets:
        raise DataError(f"{root / 'truth' / 'gait.json'} does not know tracklet {key}; is it of this data set?")
    try:
        entry = tracklets[key]
        return read(entry, stored["identities"].get(str(entry["person"])) or entry["walker"])
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise DataError(
            f"{root / 'truth' / 'gait.json'} does not say how tracklet {key} walks ({type(error).__name__}: {error}); "
            f"{_RENDER}"
        ) from error


def read_json(root: Path, name: str) -> dict[str, Any]:
    """One of the JSON files of the truth, by name without the ending.

    Raises:
        DataError: where it is missing or damaged.
    """
    return json.read_object(root / "truth" / f"{name}.json", error=DataError, remedy=_RENDER)


def attribute_row(track: Track, truth: Truth, crowded: bool) -> list[int]:
    """A tracklet's line of `attributes.csv`."""
    look, outfit, d = track.who.look, track.who.look.outfit, track.who.look.details
    yaw = truth.yaw.astype(np.float64)
    turn = np.abs(exact_math.arctan2(exact_math.sin(yaw), exact_math.cos(yaw)))
    various = turn.max() - turn.min() > np.pi / 3
    pose = 5 if various else int(np.clip(np.rint(turn.mean() / (np.pi / 4)), 0, 4))
    complex_top = outfit.pattern in ("stripes", "upright stripes", "checks", "panel")
    bare = outfit.top == "t-shirt"
    return [
        track.person, track.camera, track.number, 0, pose, int(np.nanmin(truth.visible, initial=1.0) < HIDDEN), 0,
        int(crowded), 0, 0, 0, 0,
        TOP_CODES.index("complex" if complex_top else people.TOPS[outfit.top_colour][0]),
        BOTTOM_CODES.index(people.BOTTOMS[outfit.bottom_colour][0]), look.build.age, int(not bare),
        int(outfit.bottom == "trousers"), int(d.shoulder_bag), int(d.backpack), int(d.hat), int(d.hand_bag),
        int(d.hair in ("long", "tail", "bun")), int(look.build.woman), int(outfit.bottom == "skirt"),
    ]  # fmt: skip


def identity_row(who: Identity) -> list[Any]:
    """An identity's line of `identities.csv`."""
    b, o, d = who.look.build, who.look.outfit, who.look.details
    return [
        who.person, who.half, who.kind, who.group, round(b.height, 3), round(b.girth, 3), round(b.legs, 3),
        round(b.shoulders, 3), int(b.woman), ("young", "teenager", "adult", "old")[b.age], o.top,
        people.TOPS[o.top_colour][0], people.TOPS[o.second_colour][0], o.pattern, o.bottom,
        people.BOTTOMS[o.bottom_colour][0], ("dark", "light", "brown")[o.shoes], d.skin, d.hair,
        ("black", "brown", "fair", "gray")[d.hair_colour], int(d.beard), int(d.glasses), int(d.hat),
        int(d.backpack), int(d.shoulder_bag), int(d.hand_bag), d.bag_colour, d.logo, int(d.logo_back),
    ]  # fmt: skip


def gait_json(population: Population, starts: Mapping[str, tuple[float, float]]) -> dict[str, Any]:
    """Poses and timing of all walkers; passers-by carry their own entry."""
    tracklets: dict[str, Any] = {}
    for track in population.tracks:
        start, wobble = starts[track.key]
        entry: dict[str, Any] = {"person": track.who.person, "start": start, "wobble": wobble}
        if track.who.person == 0:
            entry["walker"] = _walker(track.who)
        tracklets[track.key] = entry
    return {
        "angles": list(gait.ANGLES),
        "unit": "radian",
        "identities": {str(who.person): _walker(who) for who in population.identities},
        "tracklets": tracklets,
    }


def _walker(who: Identity) -> dict[str, Any]:
    return {"style": asdict(who.style), "tempo": asdict(who.tempo)}


def groups_json(population: Population) -> dict[str, Any]:
    """Who looks like whom: lists of person numbers by half and kind."""
    found: dict[str, Any] = {half: {"lookalike": [], "motion": []} for half in ("train", "test")}
    for members in population.groups.values():
        found[members[0].half][members[0].kind].append(sorted(who.person for who in members))
    return found


def cameras_json(cameras: tuple[Camera, ...]) -> list[dict[str, Any]]:
    """Parameters of the cameras; angles in radians, lengths in metres."""
    return [asdict(camera) for camera in cameras]
