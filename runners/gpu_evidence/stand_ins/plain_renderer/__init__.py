"""SynthWalk's renderer in plain NumPy: where Numba is missing, and the reference of the compiled one in the tests."""
