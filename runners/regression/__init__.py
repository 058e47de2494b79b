"""The regression check: a pinned matrix, its baseline, and the comparison with it."""
