"""The ways of scoring that published video re-ID code uses, by name: who counts how, and where that can be read.

Numbers of different rows cannot be compared: on one set of descriptors they differ by more than most papers gain
(`side_by_side` scores all of them at once).

What could not be written as a row is left out: OML divides by the positives found among the first k; open-reid and CSA
merge ties or learn the distance; STE-NVAN cuts its lists at 10,000 entries, which its row does not imitate; and how
VRSTC, STA and ADFD ranked on MARS is not known, as their evaluators were never released.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from protocols.vocabulary import Metric

from .conventions import Convention, Empty, Gallery, Precision


@dataclass(frozen=True, slots=True)
class PublishedConvention:
    """One published way of scoring.

    Attributes:
        name: short, for tables.
        who: papers and code that count so.
        gallery, ap, empty: see `conventions.Convention`.
        metric, normalise: the distance, see `conventions.Distance`.
        source: the file or statement that says so.
        note: what is assumed, or where the row differs from the code; empty where nothing is.
    """

    name: str
    who: str
    gallery: Gallery
    ap: Precision
    empty: Empty
    metric: Metric
    normalise: bool
    source: str
    note: str = ""

    @property
    def convention(self) -> Convention:
        """Gallery, AP and treatment of queries without positives, under this suite's tie rule."""
        return Convention(self.gallery, self.ap, self.empty)

    def as_row(self) -> dict[str, Any]:
        """The five choices as plain data, as a record's ledger holds them."""
        return {name: getattr(self, name) for name in ("metric", "normalise", "gallery", "ap", "empty")}


PUBLISHED: tuple[PublishedConvention, ...] = (
    PublishedConvention(
        "official MARS (MATLAB)", "the data set's authors, GLTR, M3D; STMP in a port without junk, which ranks alike",
        "full", "trapezoid", "zero", "euclidean", True,
        "MARS-evaluation: utils/compute_AP.m, utils/evaluation_mars.m, test_mars.m",
        "divides by all queries; on MARS none is without a match",
    ),
    PublishedConvention(
        "TKP, paper", "TKP", "without-junk", "trapezoid", "skip", "euclidean", False,
        "the authors: the paper's distances are Euclidean (guxinqian/TKP, issue 4)",
    ),
    PublishedConvention(
        "TKP, code", "TKP's released code", "without-junk", "trapezoid", "skip", "cosine", False,
        "guxinqian/TKP: negative cosine of unit descriptors, queries appended to the gallery on MARS",
    ),
    PublishedConvention(
        "AP3D, TCLNet, BiCnet", "AP3D, TCLNet, BiCnet-TKS", "without-junk", "step", "skip", "cosine", False,
        "AP3D: test-all.py, tools/eval_metrics.py; BiCnet-TKS: evaluation.py",
        "queries are appended to the gallery on MARS and LS-VID; the number of skipped queries is printed",
    ),
    PublishedConvention(
        "torchreid family", "torchreid, Video-Person-ReID (Gao and Nevatia), COSAM",
        "without-queries", "step", "skip", "euclidean", False,
        "torchreid: data/datasets/video/mars.py, metrics/rank.py",
        "on MARS 140 of 1,980 queries are left out without a word",
    ),
    PublishedConvention(
        "layumi family", "layumi's baseline and its descendants", "without-queries", "trapezoid", "zero", "cosine",
        False, "Person_reID_baseline_pytorch: evaluate_gpu.py",
        "code for images, which states no video gallery: the usual one of image sets and unit descriptors are assumed; "
        "a query without a match counts as 0",
    ),
    PublishedConvention(
        "STE-NVAN", "STE-NVAN", "full", "trapezoid", "zero", "cosine", False,
        "jackie840129/STE-NVAN: all test tracklets, junk treated as in the official code",
        "its lists end after 10,000 entries, which is not imitated here",
    ),
)  # fmt: skip
"""Every published convention that this suite can score, the official one first."""
