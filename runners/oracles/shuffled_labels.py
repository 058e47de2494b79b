"""The arm's own descriptors with people permuted among the test tracklets: a negative control, expected at chance.

People change places among tracklets of one camera that are in the same roles (query, gallery) and whose queries have
the same matches to find. So every person stays under the cameras it was seen by, as often as it was, every query that
had a match has one and none gains one, and what is left of the accuracy is luck. Junk and distractors stay.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from datasets.seeding import generator
from datasets.tracklet import Split, camera_ids, person_ids
from runners.oracles.interface import OracleAnswer, OracleInput, OracleRule, any_network

STEP = "shuffled-labels"


def permuted(split: Split, seed: int) -> Split:
    """The same test tracklets under other people's numbers; the training half stays.

    Args:
        split: the truth.
        seed: of the permutation.
    """
    people, cameras = person_ids(split.test), camera_ids(split.test)
    roles = np.zeros((len(people), 2), dtype=np.int64)
    roles[split.query_index, 0] = 1
    roles[split.gallery_index, 1] = 1
    alone = np.setdiff1d(split.gallery_index, split.query_index)
    matches = [_matched(people, cameras, gallery) for gallery in (split.gallery_index, alone)]
    alike = np.unique(np.column_stack([cameras, roles, *matches]), axis=0, return_inverse=True)[1].reshape(-1)
    new = people.copy()
    rng = generator(seed, "shuffled labels")
    for stratum in range(int(alike.max(initial=-1)) + 1):
        rows = np.flatnonzero((alike == stratum) & (people > 0))
        new[rows] = people[rng.permutation(rows)]
    test = tuple(replace(tracklet, person_id=int(person)) for tracklet, person in zip(split.test, new, strict=True))
    return replace(split, test=test)


def _matched(people: NDArray[np.int64], cameras: NDArray[np.int64], gallery: NDArray[np.int64]) -> list[bool]:
    """Whether each tracklet's person is in these rows of the gallery under another camera."""
    seen: dict[int, set[int]] = {}
    for person, camera in zip(people[gallery].tolist(), cameras[gallery].tolist(), strict=True):
        seen.setdefault(person, set()).add(camera)
    everybody = zip(people.tolist(), cameras.tolist(), strict=True)
    return [bool(seen.get(person, set()) - {camera}) for person, camera in everybody]


def _answer(given: OracleInput) -> OracleAnswer:
    words = "the arm's own descriptors, people permuted among the test tracklets of each camera"
    return OracleAnswer(given.of_arm, words, split=permuted(given.data.raw, given.last.seed))


RULE = OracleRule("shuffled-labels", _answer, any_network, needs_truth=False)
