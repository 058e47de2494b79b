"""Anybody's descriptors, ready to be scored: a set of this suite, an ``.npz`` or a ``.mat``; and the way back.

The files hold ``query_features`` ``[Q, D]``, ``query_ids``, ``query_cams`` ``[Q]``, ``gallery_features`` ``[G, D]``,
``gallery_ids``, ``gallery_cams`` ``[G]`` and, optionally, ``query_in_gallery`` ``[Q]``: the gallery row (from 0) that
holds each query. Ids are those of MARS: -1 junk, 0 distractor. Where a data set is named, a file may hold
``query_features`` and ``gallery_features`` alone, or ``features`` ``[N, D]`` of all test tracklets.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from datasets.tracklet import Split, camera_ids, person_ids
from protocols.sharding import slice_of
from runners.descriptors import PARTIAL, SUFFIX, DescriptorSet, read
from runners.errors import RunError

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.int64]
Queries = Literal["auto", "inside", "append", "as-is"]

LABELS = ("query_ids", "query_cams", "gallery_ids", "gallery_cams")
NAMES = ("query_features", "gallery_features", *LABELS)
INSIDE = "query_in_gallery"
_SAME = 1e-4  # of its length, by which a query and its own row in the gallery may differ


@dataclass(frozen=True, eq=False)
class Exchanged:
    """Descriptors with all that scoring needs.

    Attributes:
        name: for tables.
        query, gallery: ``[Q, D]``, ``[G, D]``.
        query_ids, query_cams, gallery_ids, gallery_cams: whole numbers.
        inside: ``[Q]`` gallery row of each query; None where the gallery holds no queries.
        keys: ``[Q]`` names of the queries, where they have some.
        about: what is known of where they are from; may be empty.
        notes: sentences on what was decided while reading.
        part: the rows of the gallery that `gallery` holds, where several processes hold a slice each; its labels are
            those of the whole gallery all the same.
    """

    name: str
    query: Floats
    gallery: Floats
    query_ids: Ints
    query_cams: Ints
    gallery_ids: Ints
    gallery_cams: Ints
    inside: Ints | None
    keys: NDArray[np.str_] | None
    about: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    part: slice | None = None

    @property
    def labels(self) -> tuple[Ints, Ints, Ints, Ints]:
        """As `protocols.ranking` wants them: of the queries, and of the gallery rows that are held."""
        part = self.part or slice(None)
        return self.query_ids, self.query_cams, self.gallery_ids[part], self.gallery_cams[part]


@dataclass(frozen=True)
class Share:
    """Which of several processes reads; each holds its slice of the gallery.

    Attributes:
        rank: its number, from 0.
        size: how many there are.
    """

    rank: int
    size: int

    def of(self, gallery: int) -> slice:
        """Its rows of a gallery of this size; a ProtocolError where there are fewer rows than processes."""
        return slice_of(gallery, self.rank, self.size)


ALONE = Share(0, 1)


def load(path: Path, split: Split | None = None, queries: Queries = "auto", share: Share = ALONE) -> Exchanged:
    """Read descriptors from a set, an ``.npz`` or a ``.mat``.

    Args:
        path: where they lie.
        split: a data set whose labels are to be used; its order of test tracklets, or of query and gallery.
        queries: whether the gallery of a file holds the queries, see `placed`.
        share: of several processes, the one that reads; of a set it reads its slice of the gallery alone.

    Raises:
        RunError: no such file, an unknown kind, missing or wrong arrays, or nothing that can be ranked.
    """
    if path.name.endswith(PARTIAL) or path.suffix == SUFFIX:
        found = of_set(read(path, whole=share.rank == 0), share=share)
    else:
        arrays = _arrays(path)
        if split is not None:
            arrays = _of_split(path, arrays, split)
            if INSIDE not in arrays and queries == "auto":
                queries = "as-is"  # the data set itself keeps its queries apart
        found = placed(_of_arrays(path, arrays, split), arrays.get(INSIDE), queries)
        part = share.of(len(found.gallery)) if share.size > 1 else slice(None)
        found = replace(found, gallery=found.gallery[part], part=part)
    check(found)
    return found


def of_set(whole: DescriptorSet, asking: DescriptorSet | None = None, share: Share = ALONE) -> Exchanged:
    """A set of this suite; queries and gallery are what the data set says.

    Args:
        whole: what answers, and asks too.
        asking: another set of the same tracklets that asks, such as single images.
        share: of several processes, the one that reads.
    """
    who = whole.tracklets
    ask, answer = np.flatnonzero(who.query), np.flatnonzero(who.gallery)
    if not len(ask) or not len(answer):
        raise RunError(f"{whole.folder}: {len(ask)} queries and {len(answer)} gallery tracklets; nothing to rank.")
    column = np.full(len(who), -1, dtype=np.int64)
    column[answer] = np.arange(len(answer))
    asked = asking or whole
    if len(asked.features) != len(who) or not np.array_equal(asked.tracklets.key, who.key):
        raise RunError(
            f"{asked.folder} and {whole.folder} hold different tracklets; a side needs two sets of the same."
        )
    part = share.of(len(answer)) if share.size > 1 else slice(None)
    held = answer[part]
    in_one_piece = int(held[-1] - held[0]) == len(held) - 1  # then the mapped file itself is ranked, without a copy
    about = whole.about
    told = [str(about[key]) for key in ("label", "arm") if about.get(key)]
    seed = f", seed {about['seed']}" if "seed" in about else ""
    control = f", {about['control']}" if about.get("control") not in (None, "colour") else ""
    return Exchanged(
        name=f"{told[0]}{control}{seed}" if told else whole.folder.stem,
        query=asked.features[ask],
        gallery=whole.features[held[0] : held[-1] + 1] if in_one_piece else whole.features[held],
        query_ids=who.person[ask],
        query_cams=who.camera[ask],
        gallery_ids=who.person[answer],
        gallery_cams=who.camera[answer],
        inside=column[ask] if (column[ask] >= 0).all() else None,
        keys=who.key[ask],
        about=about,
        notes=(f"Encoded in {about['precision']}.",) if about.get("precision") else (),
        part=part,
    )


def placed(found: Exchanged, given: NDArray[Any] | None, queries: Queries) -> Exchanged:
    """Say where the queries are in the gallery, so that galleries with and without them can be scored.

    Args:
        found: as the file has it.
        given: its ``query_in_gallery``, if it has one.
        queries: ``inside``: every query has a row of its own there; ``append``: they are put behind the gallery, as
            AP3D does; ``as-is``: the gallery is taken as it is and no other is scored; ``auto``: rows of the same
            person, camera and descriptor are looked for, and the queries are appended where there are none.

    Raises:
        RunError: they are said to be inside and are not, or some are and some are not.
    """
    if queries not in get_args(Queries):
        raise RunError(f"queries={queries!r} is unknown; choose one of {', '.join(get_args(Queries))}.")
    if given is not None and queries in ("auto", "inside"):
        return replace(found, inside=_whole(given, INSIDE, len(found.query), found.name))
    if queries == "as-is":
        return _noted(found, "The gallery is taken as it is; galleries without the queries are not scored.")
    if queries == "append":
        return _appended(found, "as asked for")
    rows = _found_in_gallery(found)
    there = int((rows >= 0).sum())
    if there == len(rows):
        return _noted(
            replace(found, inside=rows), f"All {there} queries were found in the gallery by their descriptor."
        )
    if there == 0 and queries == "auto":
        return _appended(found, "as none of them was found there")
    raise RunError(
        f"{found.name}: {there} of {len(rows)} queries were found in the gallery (same person, camera and descriptor); "
        f"say where they are with the array {INSIDE}, or choose --queries append or --queries as-is."
    )


def check(found: Exchanged) -> None:
    """Refuse what cannot be ranked, in one sentence.

    Raises:
        RunError: no query or gallery, descriptors of two widths, NaN or infinities, or no query with a match.
    """
    for what, rows in (("query", found.query), ("gallery", found.gallery)):
        if rows.ndim != 2 or 0 in rows.shape:
            raise RunError(
                f"{found.name}: {what}_features must be a matrix with one row a tracklet, got shape {rows.shape}."
            )
        for start in range(0, len(rows), 4096):
            bad = ~np.isfinite(rows[start : start + 4096]).all(axis=1)
            if bad.any():
                raise RunError(
                    f"{found.name}: {what}_features of row {start + int(np.argmax(bad))} hold NaN or an infinity; look "
                    "for a network that diverged or a broken tracklet."
                )
    if found.query.shape[1] != found.gallery.shape[1]:
        raise RunError(
            f"{found.name}: query descriptors have {found.query.shape[1]} numbers and those of the gallery "
            f"{found.gallery.shape[1]}; both must be of one network."
        )
    cameras: dict[int, set[int]] = {}
    for person, camera in zip(found.gallery_ids.tolist(), found.gallery_cams.tolist(), strict=True):
        cameras.setdefault(person, set()).add(camera)
    asked = zip(found.query_ids.tolist(), found.query_cams.tolist(), strict=True)
    if not any(person != -1 and cameras.get(person, set()) - {camera} for person, camera in asked):
        raise RunError(
            f"{found.name}: none of the {len(found.query)} queries has its person in the gallery under another camera; "
            "check that ids and cameras of query and gallery are numbered alike."
        )


def save(path: Path, found: Exchanged) -> None:
    """Write descriptors as an ``.npz`` or ``.mat`` that `load` reads again.

    Raises:
        RunError: neither of the two.
    """
    arrays: dict[str, Any] = {"query_features": found.query, "gallery_features": found.gallery}
    arrays |= dict(zip(LABELS, found.labels, strict=True))
    if found.inside is not None:
        arrays[INSIDE] = found.inside
    if path.suffix == ".npz":
        np.savez(path, allow_pickle=False, **arrays)
    elif path.suffix == ".mat":
        from scipy.io import savemat

        savemat(path, arrays, oned_as="column")
    else:
        raise RunError(f"{path}: descriptors are exported as .npz or .mat.")


def _of_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], split: Split | None) -> Exchanged:
    missing = [name for name in NAMES if name not in arrays]
    if missing:
        hint = "" if split else "; ids and cameras can also come from a data set, see --dataset"
        there = ", ".join(sorted(arrays)) or "nothing"
        raise RunError(f"{path} lacks {', '.join(missing)}; it holds {there}{hint}.")
    query, gallery = (_matrix(arrays[f"{part}_features"], f"{part}_features", path) for part in ("query", "gallery"))
    sizes = (len(query), len(query), len(gallery), len(gallery))
    if 0 in sizes:
        raise RunError(f"{path}: {len(query)} queries and {len(gallery)} gallery tracklets; nothing to rank.")
    a, b, c, d = (_whole(arrays[name], name, size, str(path)) for name, size in zip(LABELS, sizes, strict=True))
    keys = None
    about: dict[str, Any] = {}
    if split is not None:
        keys = np.array([t.key for t in split.query])
        about = {"dataset": {"name": split.name, "version": split.version, "fingerprint": split.fingerprint}}
    return Exchanged(path.name, query, gallery, a, b, c, d, None, keys, about)


def _of_split(path: Path, parts: Mapping[str, NDArray[Any]], split: Split) -> dict[str, NDArray[Any]]:
    """Labels from a data set, and where it holds its queries."""
    ask, answer = split.query_index, split.gallery_index
    parts = dict(parts)
    if "features" in parts:
        features = parts["features"]
        if features.ndim != 2 or len(features) != len(split.test):
            raise RunError(
                f"{path}: features must have one row for each of the {len(split.test)} test tracklets of {split.name}, "
                f"got shape {features.shape}."
            )
        parts |= {"query_features": features[ask], "gallery_features": features[answer]}
    for part, rows in (("query", ask), ("gallery", answer)):
        found = parts.get(f"{part}_features")
        if found is not None and found.ndim == 2 and len(found) != len(rows):
            raise RunError(
                f"{path}: {part}_features has {len(found)} rows, but {split.name} has {len(rows)} {part} tracklets."
            )
    people, cameras = person_ids(split.test), camera_ids(split.test)
    column = {int(row): place for place, row in enumerate(answer)}
    if all(int(row) in column for row in ask):
        parts[INSIDE] = np.array([column[int(row)] for row in ask])
    return parts | dict(zip(LABELS, (people[ask], cameras[ask], people[answer], cameras[answer]), strict=True))


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    if path.suffix not in (".npz", ".mat"):
        kinds = f"a folder NAME{SUFFIX}, an .npz or a .mat"
        raise RunError(f"{path}: unknown kind of descriptors; expected {kinds}.")
    if not path.is_file():
        raise RunError(f"{path} does not exist.")
    if path.suffix == ".mat":
        from datasets.matlab import read_variables

        found = read_variables(path)
        return {name: array if name.endswith("features") else _flat(array) for name, array in found.items()}
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, KeyError, BadZipFile) as error:
        raise RunError(f"{path} cannot be read as an .npz ({error}); write it again with numpy.savez.") from None


def _flat(array: NDArray[Any]) -> NDArray[Any]:
    """MATLAB knows no vectors, only ``[1, N]`` and ``[N, 1]``."""
    return array.ravel() if array.ndim == 2 and 1 in array.shape else array


def _matrix(array: NDArray[Any], name: str, path: Path) -> Floats:
    if array.ndim != 2:
        raise RunError(f"{path}: {name} must be a matrix with one row a tracklet, got shape {array.shape}.")
    if array.dtype.kind not in "fiu":
        raise RunError(f"{path}: {name} must hold real numbers, got {array.dtype}.")
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def _whole(array: NDArray[Any], name: str, length: int, path: str) -> Ints:
    if array.shape != (length,):
        raise RunError(f"{path}: {name} must have one entry for each of {length} rows, got shape {array.shape}.")
    if array.dtype.kind not in "iuf" or not (array == np.floor(array)).all():
        raise RunError(f"{path}: {name} must be whole numbers, got {array.dtype} with fractions, NaN or text.")
    return array.astype(np.int64)


def _found_in_gallery(found: Exchanged) -> Ints:
    """``[Q]`` gallery row of the query's person, camera and descriptor, each used once; -1 where there is none."""
    places: dict[tuple[int, int], list[int]] = {}
    for row, label in enumerate(zip(found.gallery_ids.tolist(), found.gallery_cams.tolist(), strict=True)):
        places.setdefault(label, []).append(row)
    rows = np.full(len(found.query), -1, dtype=np.int64)
    if found.query.shape[1] != found.gallery.shape[1]:
        return rows  # told by `check`
    for query, label in enumerate(zip(found.query_ids.tolist(), found.query_cams.tolist(), strict=True)):
        own = found.query[query].astype(np.float64)
        for row in places.get(label, ()):
            if np.linalg.norm(found.gallery[row] - own) <= _SAME * np.linalg.norm(own):
                rows[query] = row
                places[label].remove(row)
                break
    return rows


def _appended(found: Exchanged, why: str) -> Exchanged:
    if found.query.shape[1:] != found.gallery.shape[1:]:
        return found  # told by `check`
    text = (
        f"The {len(found.query)} queries were put behind the gallery, {why}; the gallery without queries is the one of "
        f"the file. If the gallery holds them already, name their rows in the array {INSIDE}."
    )
    grown = replace(
        found,
        gallery=np.concatenate([found.gallery, found.query]),
        gallery_ids=np.concatenate([found.gallery_ids, found.query_ids]),
        gallery_cams=np.concatenate([found.gallery_cams, found.query_cams]),
        inside=len(found.gallery) + np.arange(len(found.query)),
    )
    return _noted(grown, text)


def _noted(found: Exchanged, text: str) -> Exchanged:
    return replace(found, notes=(*found.notes, text))
