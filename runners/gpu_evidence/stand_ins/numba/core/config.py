"""Numba's settings: nothing is kept, since nothing is compiled."""

CACHE_DIR = ""
