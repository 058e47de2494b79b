"""Timings, each beside its floor; `make bench` runs them, `make test` does not."""
