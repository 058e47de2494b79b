"""Average precision of a ranking that knows nothing."""

from protocols.errors import ProtocolError


def expected_at_random(matches: float, gallery: int) -> float:
    """Mean average precision, 0 to 1, over all orders of a gallery.

    A match stands at rank k with the chance R/N, and so does each of the others before it, so that

        E[AP] = (H_N + (R - 1) / (N - 1) (N - H_N)) / N,   H_N = 1 + 1/2 + ... + 1/N

    Args:
        matches: R, at least 1; a mean over queries may be a fraction, since the formula is linear in it.
        gallery: N, at least R.

    Raises:
        ProtocolError: fewer than one match, or more than the gallery holds.
    """
    if not 1 <= matches <= gallery:
        raise ProtocolError(f"matches={matches} must lie between 1 and the size of the gallery, {gallery}")
    harmonic = sum(1 / rank for rank in range(1, gallery + 1))
    others = (matches - 1) / (gallery - 1) if gallery > 1 else 0.0
    return (harmonic + others * (gallery - harmonic)) / gallery
