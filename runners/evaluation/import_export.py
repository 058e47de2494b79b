"""Anybody's descriptors, ready to be scored: a set of this suite, an ``.npz`` or a ``.mat``; and the way back.

The files hold ``query_features`` ``[Q, D]``, ``query_ids``, ``query_cams`` ``[Q]``, ``gallery_features`` ``[G, D]``,
``gallery_ids``, ``gallery_cams`` ``[G]`` and, optionally, ``query_in_gallery`` ``[Q]``: the gallery row (from 0) that
holds each query. Ids are those of MARS: -1 junk, 0 distractor. Where a data set is named, a file may hold
``query_features`` and ``gallery_features`` alone, or ``features`` ``[N, D]`` of all test tracklets.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.tracklet import Split, camera_ids, person_ids
from files import atomic
from files.formats import matlab
from protocols.ranking.gallery import answered
from runners.errors import RunError
from runners.evaluation.descriptor_arrays import INSIDE, LABELS, NAMES, listed, matrix, meant, read_arrays, whole
from runners.evaluation.descriptor_set import PARTIAL, SUFFIX, DescriptorSet, read
from runners.evaluation.descriptor_table import ALONE, DescriptorTable, Queries, RankShare
from runners.evaluation.query_positions import placed

EXPORTED = (".npz", ".mat")


def load(
    path: Path, split: Split | None = None, queries: Queries = "auto", share: RankShare = ALONE
) -> DescriptorTable:
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
        check(found)
        return found
    arrays, names = read_arrays(path)
    if split is not None:
        arrays = _of_split(path, arrays, split)
        if INSIDE not in arrays and queries == "auto":
            queries = "as-is"  # the data set itself keeps its queries apart
    found = _of_arrays(path, arrays, names, split)
    check(found)  # before the queries join the gallery, where they would match each other
    found = placed(found, arrays.get(INSIDE), queries)
    if split is not None and not np.isin(split.query_index, split.gallery_index).any():
        found = replace(found, apart=True)
    part = share.of(len(found.gallery)) if share.size > 1 else slice(None)
    return replace(found, gallery=found.gallery[part], part=part)


def of_set(whole: DescriptorSet, query_set: DescriptorSet | None = None, share: RankShare = ALONE) -> DescriptorTable:
    """A set of this suite; queries and gallery are what the data set says.

    Args:
        whole: the gallery, and the queries too.
        query_set: another set of the same tracklets for the queries, such as single images.
        share: of several processes, the one that reads.
    """
    who = whole.tracklets
    query_rows, gallery_rows = np.flatnonzero(who.query), np.flatnonzero(who.gallery)
    if not len(query_rows) or not len(gallery_rows):
        raise RunError(
            f"{whole.folder}: {len(query_rows)} queries and {len(gallery_rows)} gallery tracklets; nothing to rank."
        )
    column = np.full(len(who), -1, dtype=np.int64)
    column[gallery_rows] = np.arange(len(gallery_rows))
    queries_of = query_set or whole
    if len(queries_of.features) != len(who) or not np.array_equal(queries_of.tracklets.key, who.key):
        raise RunError(
            f"{queries_of.folder} and {whole.folder} hold different tracklets; a side needs two sets of the same."
        )
    part = share.of(len(gallery_rows)) if share.size > 1 else slice(None)
    held = gallery_rows[part]
    in_one_piece = int(held[-1] - held[0]) == len(held) - 1  # then the mapped file itself is ranked, without a copy
    about = whole.about
    there = int((column[query_rows] >= 0).sum())
    known = [str(about[key]) for key in ("label", "arm") if about.get(key)]
    seed = f", seed {about['seed']}" if "seed" in about else ""
    control = f", {about['control']}" if about.get("control") not in (None, "colour") else ""
    return DescriptorTable(
        name=f"{known[0]}{control}{seed}" if known else whole.folder.stem,
        query=queries_of.features[query_rows],
        gallery=whole.features[held[0] : held[-1] + 1] if in_one_piece else whole.features[held],
        query_ids=who.person[query_rows],
        query_cams=who.camera[query_rows],
        gallery_ids=who.person[gallery_rows],
        gallery_cams=who.camera[gallery_rows],
        inside=column[query_rows] if there == len(query_rows) else None,
        keys=who.key[query_rows],
        about=about,
        placing=f"{there:,} of {len(query_rows):,} queries stand in the gallery, as the data set has them.",
        apart=there == 0,
        part=part,
    )


def check(found: DescriptorTable) -> None:
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
    labels = (found.query_ids, found.query_cams, found.gallery_ids, found.gallery_cams)
    if not answered(*labels, inside=found.inside, gallery="full").any():
        raise RunError(
            f"{found.name}: none of the {len(found.query)} queries has its person in the gallery under another camera; "
            "check that ids and cameras of query and gallery are numbered alike."
        )


def check_export(path: Path) -> None:
    """Refuse a file that cannot be written, before any work.

    Raises:
        RunError: another kind of file, or a folder that is not there.
    """
    if path.suffix not in EXPORTED:
        raise RunError(f"{path}: descriptors are exported as {' or '.join(EXPORTED)}.")
    if not path.parent.is_dir():
        raise RunError(f"{path.parent} is no folder, so {path.name} cannot be written there; make it first.")
    if path.is_dir():
        raise RunError(f"{path} is a folder; name a file.")


def save(path: Path, found: DescriptorTable) -> None:
    """Write descriptors as an ``.npz`` or ``.mat`` that `load` reads again.

    Raises:
        RunError: neither of the two.
    """
    arrays: dict[str, Any] = {"query_features": found.query, "gallery_features": found.gallery}
    arrays |= dict(zip(LABELS, found.labels, strict=True))
    if found.inside is not None:
        arrays[INSIDE] = found.inside
    check_export(path)
    if path.suffix == ".npz":
        content = io.BytesIO()
        np.savez(content, allow_pickle=False, **arrays)
        atomic.write_bytes(path, content.getvalue())
    else:
        matlab.save(path, arrays)


def _of_arrays(
    path: Path, arrays: Mapping[str, NDArray[Any]], names: Sequence[str], split: Split | None
) -> DescriptorTable:
    missing = [name for name in NAMES if name not in arrays]
    if missing:
        hint = "" if split else "; ids and cameras can also come from a data set, see --dataset"
        raise RunError(f"{path} lacks {', '.join(missing)}; it holds {listed(names)}{meant(missing, names)}{hint}.")
    query, gallery = (matrix(arrays[f"{part}_features"], f"{part}_features", path) for part in ("query", "gallery"))
    sizes = (len(query), len(query), len(gallery), len(gallery))
    if 0 in sizes:
        raise RunError(f"{path}: {len(query)} queries and {len(gallery)} gallery tracklets; nothing to rank.")
    a, b, c, d = (whole(arrays[name], name, size, str(path)) for name, size in zip(LABELS, sizes, strict=True))
    keys = None
    about: dict[str, Any] = {}
    if split is not None:
        keys = np.array([t.key for t in split.query])
        about = {"dataset": {"name": split.name, "version": split.version, "fingerprint": split.fingerprint}}
    return DescriptorTable(path.name, query, gallery, a, b, c, d, None, keys, about)


def _of_split(path: Path, parts: Mapping[str, NDArray[Any]], split: Split) -> dict[str, NDArray[Any]]:
    """Labels from a data set, and where it holds its queries."""
    query_rows, gallery_rows = split.query_index, split.gallery_index
    parts = dict(parts)
    if "features" in parts:
        features = parts["features"]
        if features.ndim != 2 or len(features) != len(split.test):
            raise RunError(
                f"{path}: features must have one row for each of the {len(split.test)} test tracklets of {split.name}, "
                f"got shape {features.shape}."
            )
        parts |= {"query_features": features[query_rows], "gallery_features": features[gallery_rows]}
    for part, rows in (("query", query_rows), ("gallery", gallery_rows)):
        found = parts.get(f"{part}_features")
        if found is not None and found.ndim == 2 and len(found) != len(rows):
            raise RunError(
                f"{path}: {part}_features has {len(found)} rows, but {split.name} has {len(rows)} {part} tracklets."
            )
    people, cameras = person_ids(split.test), camera_ids(split.test)
    column = {int(row): place for place, row in enumerate(gallery_rows)}
    if all(int(row) in column for row in query_rows):
        parts[INSIDE] = np.array([column[int(row)] for row in query_rows])
    return parts | dict(
        zip(LABELS, (people[query_rows], cameras[query_rows], people[gallery_rows], cameras[gallery_rows]), strict=True)
    )
