"""CMC, average precision and first hits, exact under every convention in use, in bounded memory.

    protocols.ranking.rank(distances, query_ids, query_cams, gallery_ids, gallery_cams)      # [Q, G]
    protocols.ranking.rank_features(query, gallery, ..., metric="cosine")                    # [Q, D], [G, D]

Nothing here imports torch.
"""

from protocols.ranking.conventions import Convention
from protocols.ranking.evaluate import (
    Ranking,
    SplitAverage,
    average_splits,
    rank,
    rank_conventions,
    rank_features,
    rank_features_conventions,
)

__all__ = [
    "Convention",
    "Ranking",
    "SplitAverage",
    "average_splits",
    "rank",
    "rank_conventions",
    "rank_features",
    "rank_features_conventions",
]
