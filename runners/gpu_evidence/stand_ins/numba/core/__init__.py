"""Of Numba, only the settings."""
