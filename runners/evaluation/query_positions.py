"""Where the queries of a descriptor file are in its gallery, and what is done where they are not.

MARS holds its queries in its gallery, and its published evaluators do too: the official one and STE-NVAN have them
there, TKP and AP3D put them behind a gallery without them, torchreid and layumi take them out. Of a data set with one
camera for the queries and another for the gallery (iLIDS-VID, PRID-2011) nobody does any of that: there a query behind
the gallery is never right and often nearest, as it shares the camera of the queries.
"""

from dataclasses import replace
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from runners.errors import RunError
from runners.evaluation.descriptor_arrays import INSIDE, Ints, whole
from runners.evaluation.descriptor_table import DescriptorTable, Queries

_SAME = 1e-4  # of its length, by which a query and its own row in the gallery may differ
_JUNK = -1


def placed(found: DescriptorTable, given: NDArray[Any] | None, queries: Queries) -> DescriptorTable:
    """Say where the queries are in the gallery, so that galleries with and without them can be scored.

    Args:
        found: as the file has it, checked.
        given: its ``query_in_gallery``, if it has one.
        queries: ``inside``: every query has a row of its own there; ``append``: those without one are put behind the
            gallery, as AP3D does; ``as-is``: the gallery is taken as it is and no other is scored; ``auto``: rows of
            the same person, camera and descriptor are looked for; where there are none, the queries are appended if
            they share a camera with the gallery, and the gallery is taken as it is if they share none.

    Raises:
        RunError: they are said to be inside and are not, or some are and some are not.
    """
    if queries not in get_args(Queries):
        raise RunError(f"queries={queries!r} is unknown; choose one of {', '.join(get_args(Queries))}.")
    apart = not np.isin(found.query_cams, found.gallery_cams[found.gallery_ids != _JUNK]).any()
    if queries == "as-is":
        return replace(found, placing="The gallery is taken as it is.", apart=apart)
    rows = _found_in_gallery(found) if given is None else _given(found, given)
    there, all_of_them = int((rows >= 0).sum()), len(rows)
    if there == all_of_them:
        how = "were found in the gallery by their descriptor" if given is None else f"stand in the gallery ({INSIDE})"
        return replace(found, inside=rows, placing=f"All {there:,} queries {how}.")
    if queries == "append":
        return _appended(found, rows, apart, "as asked for")
    if there == 0 and queries == "auto":
        if apart:
            text = (
                "The gallery is taken as it is: none of the queries was found there, and it shares no camera with "
                "them, so that a query behind it would be wrong for every other one (--queries append does so)."
            )
            return replace(found, placing=text, apart=True)
        return _appended(found, rows, apart, "as none of them was found there")
    raise RunError(
        f"{found.name}: {there} of {all_of_them} queries were found in the gallery (same person, camera and "
        f"descriptor); say where they are with the array {INSIDE}, or choose --queries append or --queries as-is."
    )


def _given(found: DescriptorTable, given: NDArray[Any]) -> Ints:
    """The rows that the file names."""
    rows = whole(given, INSIDE, len(found.query), found.name)
    outside = np.flatnonzero((rows < 0) | (rows >= len(found.gallery)))
    if len(outside):
        query = int(outside[0])
        raise RunError(
            f"{found.name}: {INSIDE} names row {rows[query]} for query {query}, expected 0 to {len(found.gallery) - 1}."
        )
    other = (found.gallery_ids[rows] != found.query_ids) | (found.gallery_cams[rows] != found.query_cams)
    if other.any():
        query = int(np.argmax(other))
        row = int(rows[query])
        raise RunError(
            f"{found.name}: {INSIDE} names row {row} for query {query}, which is person {found.query_ids[query]} under "
            f"camera {found.query_cams[query]}, but row {row} is person {found.gallery_ids[row]} under camera "
            f"{found.gallery_cams[row]}; rows are counted from 0."
        )
    return rows


def _found_in_gallery(found: DescriptorTable) -> Ints:
    """``[Q]`` gallery row of the query's person, camera and descriptor, each used once; -1 where there is none."""
    places: dict[tuple[int, int], list[int]] = {}
    for row, label in enumerate(zip(found.gallery_ids.tolist(), found.gallery_cams.tolist(), strict=True)):
        places.setdefault(label, []).append(row)
    rows = np.full(len(found.query), -1, dtype=np.int64)
    for query, label in enumerate(zip(found.query_ids.tolist(), found.query_cams.tolist(), strict=True)):
        own = found.query[query].astype(np.float64)
        for row in places.get(label, ()):
            if np.linalg.norm(found.gallery[row] - own) <= _SAME * np.linalg.norm(own):
                rows[query] = row
                places[label].remove(row)
                break
    return rows


def _appended(found: DescriptorTable, rows: Ints, apart: bool, why: str) -> DescriptorTable:
    """The queries that have no row yet behind the gallery."""
    new = np.flatnonzero(rows < 0)
    rows = rows.copy()
    rows[new] = len(found.gallery) + np.arange(len(new))
    which = f"{len(new):,} queries" if len(new) == len(rows) else f"{len(new):,} of {len(rows):,} queries"
    text = (
        f"{which} were put behind the gallery, {why}; the gallery without queries is the one of the file. If the "
        f"gallery holds them already, name their rows in the array {INSIDE}."
    )
    if apart:
        text += (
            " Query and gallery share no camera, and no published way of scoring has such queries in its gallery: "
            "those with a gallery that holds them are not named."
        )
    return replace(
        found,
        gallery=np.concatenate([found.gallery, found.query[new].astype(found.gallery.dtype)]),
        gallery_ids=np.concatenate([found.gallery_ids, found.query_ids[new]]),
        gallery_cams=np.concatenate([found.gallery_cams, found.query_cams[new]]),
        inside=rows,
        placing=text,
        unnamed=("full", "without-junk") if apart else (),
    )
