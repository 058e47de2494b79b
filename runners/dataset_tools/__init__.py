"""The actions of `python -m runners.data`, a module each."""
