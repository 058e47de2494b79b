"""Who lives in a world and which camera sees whom for how long, before a single pixel is drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from datasets.synthwalk import exact_math
from datasets.synthwalk.presets import Half, World
from datasets.synthwalk.seeding import stream
from datasets.synthwalk.world import gait, mars_sizes, people
from datasets.synthwalk.world.gait import Style, Tempo
from datasets.synthwalk.world.people import Appearance

Kind = Literal["alone", "lookalike", "motion"]
Role = Literal["person", "distractor", "junk"]

FOLDER = {"distractor": "0000", "junk": "00-1"}
PSEUDO = {"distractor": 0, "junk": -1}


@dataclass(frozen=True, slots=True)
class Identity:
    """One inhabitant.

    Attributes:
        person: number as in the file names; 0 for a passer-by who is nobody's match.
        half: of the data set.
        kind: motion (has a motion-only twin), lookalike (shares its outfit) or alone.
        group: number of the group that it shares its looks with, unique over both halves; -1 for none.
        look, style, tempo: what can be seen, the set of poses, and their timing.
    """

    person: int
    half: Half
    kind: Kind
    group: int
    look: Appearance
    style: Style
    tempo: Tempo


@dataclass(frozen=True, slots=True)
class Track:
    """One tracklet to be rendered.

    Attributes:
        half, role: where it goes.
        who: the person in it; for junk the person that the bad boxes belong to.
        number: of the tracklet, from 1 within its folder across cameras.
        camera: from 1.
        length: frames.
        empty: a false alarm: there is nobody in the box.
    """

    half: Half
    role: Role
    who: Identity
    number: int
    camera: int
    length: int
    empty: bool = False

    @property
    def person(self) -> int:
        """Number of the (pseudo) person in the metadata."""
        return PSEUDO.get(self.role, self.who.person)

    @property
    def folder(self) -> str:
        """Name of the person's folder."""
        return FOLDER.get(self.role, f"{self.who.person:04d}")

    @property
    def key(self) -> str:
        """First eleven characters of the frames' names."""
        return f"{self.folder}C{self.camera}T{self.number:04d}"


@dataclass(frozen=True)
class Population:
    """All inhabitants and tracklets; tracklets stand in the order of the metadata rows."""

    identities: tuple[Identity, ...]
    train: tuple[Track, ...]
    test: tuple[Track, ...]
    queries: tuple[int, ...]  # rows of test, from 0

    @property
    def tracks(self) -> tuple[Track, ...]:
        """Both halves."""
        return self.train + self.test

    @cached_property
    def groups(self) -> dict[int, tuple[Identity, ...]]:
        """Members of each group."""
        found: dict[int, list[Identity]] = {}
        for identity in self.identities:
            if identity.group >= 0:
                found.setdefault(identity.group, []).append(identity)
        return {group: tuple(members) for group, members in found.items()}


def populate(world: World) -> Population:
    """Draw the inhabitants of a world and their tracklets."""
    train_people = _half(world, "train", world.train_ids)
    test_people = _half(world, "test", world.test_ids)
    train = _tracks(world, train_people, world.train_tracklets)
    test = _pseudo(world, "junk", test_people) + _pseudo(world, "distractor", test_people)
    test += _tracks(world, test_people, world.test_tracklets)
    identities = tuple(sorted(train_people + test_people, key=lambda who: who.person))
    if world.shape == "mars":
        train, test = _as_long_as_mars(world, train), _as_long_as_mars(world, test)
    return Population(identities, tuple(train), tuple(test), tuple(_queries(world, test)))


def _half(world: World, half: Half, count: int) -> list[Identity]:
    """The identities of one half: motion-only twins, look-alike groups, and the rest."""
    rng = stream(world.seed, "groups", half == "test")
    pairs = round(world.motion_share * count / 2)
    sizes: list[tuple[Kind, int]] = [("motion", 2)] * pairs
    left = count - 2 * pairs
    alike = min(left, round(world.lookalike_share * count))
    while alike >= 2:
        size = min(int(rng.integers(2, world.lookalike_largest + 1)), alike)
        size = alike if alike - size == 1 else size
        sizes.append(("lookalike", size))
        alike -= size
        left -= size
    sizes += [("alone", 1)] * left
    numbers = 1 + 2 * rng.permutation(count) + (half == "test")
    found: list[Identity] = []
    for index, (kind, size) in enumerate(sizes):
        group = -1 if kind == "alone" else 2 * index + (half == "test")
        place = (int(half == "test"), index)
        for look, style, tempo in _members(world, kind, size, place):
            found.append(Identity(int(numbers[len(found)]), half, kind, group, look, style, tempo))
    return found


def _members(world: World, kind: Kind, size: int, place: tuple[int, int]) -> list[tuple[Appearance, Style, Tempo]]:
    """Looks, poses and timing of the members of one group."""
    rng = stream(world.seed, "appearance", *place)
    outfit = people.draw_outfit(rng, world.top_colours, world.bottom_colours)
    if kind == "motion":
        build = people.draw_build(rng, outfit.bottom == "skirt")
        look = Appearance(build, outfit, people.draw_details(rng, build))
        style = people.draw_style(rng, build)
        return [(look, style, tempo) for tempo in people.draw_twin_tempos(rng)]
    looks: list[Appearance] = []
    while len(looks) < size:
        build = people.draw_build(rng, outfit.bottom == "skirt")
        look = Appearance(build, outfit, people.draw_details(rng, build))
        if all(people.differ(look, other) for other in looks):
            looks.append(look)
    return [(look, people.draw_style(rng, look.build), people.draw_tempo(rng)) for look in looks]


def draw_length(world: World, half: Half, rng: np.random.Generator) -> int:
    """Frames of a tracklet: log-normal, clipped."""
    length = world.length_of(half) * exact_math.exp(world.length_spread * rng.standard_normal())
    return int(np.clip(np.rint(length), world.length_min, world.length_max))


def _as_long_as_mars(world: World, tracks: list[Track]) -> list[Track]:
    """The same tracklets with the lengths of MARS, part by part."""
    parts = ["train" if track.half == "train" else track.role for track in tracks]
    given = {part: iter(mars_sizes.lengths(world.seed, part, parts.count(part)).tolist()) for part in set(parts)}
    return [replace(track, length=next(given[part])) for track, part in zip(tracks, parts, strict=True)]


def _tracks(world: World, crowd: list[Identity], exact: int | None) -> list[Track]:
    """The tracklets of real persons, sorted as the metadata wants them."""
    seen: list[tuple[Identity, int]] = []
    given = mars_sizes.cameras(world.seed, crowd[0].half, len(crowd)) if world.shape == "mars" else None
    for place, who in enumerate(crowd):
        rng = stream(world.seed, "cameras", who.person)
        if given is None:
            numbers, odds = zip(*world.cameras_of(crowd[0].half), strict=True)
            count = int(rng.choice(numbers, p=np.array(odds) / sum(odds)))
        else:
            count = int(given[place])
        visited = sorted(1 + rng.choice(world.cameras, size=count, replace=False))
        for camera in visited:
            seen.append((who, int(camera)))
            if exact is None and rng.random() < world.second_tracklet:
                seen.append((who, int(camera)))
    if exact is not None and exact > len(seen):
        rng = stream(world.seed, "further tracklets", crowd[0].person % 2)
        weight = rng.gamma(0.9, size=len(seen))  # some people are seen far more often than others
        further = rng.choice(len(seen), size=exact - len(seen), p=weight / weight.sum())
        seen += [seen[int(index)] for index in further]
    seen.sort(key=lambda pair: (pair[0].person, pair[1]))
    found: list[Track] = []
    number = 0
    for index, (who, camera) in enumerate(seen):
        number = number + 1 if index and seen[index - 1][0].person == who.person else 1
        rng = stream(world.seed, "length", who.person, camera, number)
        found.append(Track(who.half, "person", who, number, camera, draw_length(world, who.half, rng)))
    return found


def _pseudo(world: World, role: Role, crowd: list[Identity]) -> list[Track]:
    """Distractors (passers-by and false alarms) and junk (bad boxes on real persons)."""
    count = world.junk if role == "junk" else world.distractors
    found: list[Track] = []
    cameras = sorted(int(stream(world.seed, role, index).integers(world.cameras)) + 1 for index in range(count))
    for index, camera in enumerate(cameras):
        rng = stream(world.seed, role, index, camera)
        if role == "junk":
            who = crowd[int(rng.integers(len(crowd)))]
            empty = bool(rng.random() < 0.2)
        else:
            outfit = people.draw_outfit(rng, world.top_colours, world.bottom_colours)
            build = people.draw_build(rng, outfit.bottom == "skirt")
            look = Appearance(build, outfit, people.draw_details(rng, build))
            who = Identity(0, "test", "alone", -1, look, people.draw_style(rng, build), people.draw_tempo(rng))
            empty = bool(rng.random() < 0.25)
        found.append(Track("test", role, who, index + 1, camera, draw_length(world, "test", rng), empty))
    return found


def _queries(world: World, test: list[Track]) -> list[int]:
    """One query for each (person, camera) of the test persons that two cameras or more have seen."""
    rows: dict[int, dict[int, list[int]]] = {}
    for row, track in enumerate(test):
        if track.role == "person":
            rows.setdefault(track.person, {}).setdefault(track.camera, []).append(row)
    found = []
    for person, cameras in rows.items():
        if len(cameras) < 2:
            continue
        for camera, candidates in cameras.items():
            rng = stream(world.seed, "query", person, camera)
            found.append(candidates[int(rng.integers(len(candidates)))])
    return sorted(found)


def start_phases(world: World, track: Track) -> tuple[float, float]:
    """Where a tracklet starts in its gait cycle and in its hesitation: uniform, independent of the tempo."""
    rng = stream(world.seed, "phase", track.who.person, track.camera, track.number, len(track.role))
    return float(rng.random()), float(rng.random())


def true_cycles(world: World, track: Track) -> NDArray[np.float64]:
    """Phase of the gait at each frame of a tracklet, in cycles [T]."""
    return gait.phases(track.who.tempo, *start_phases(world, track), track.length)
