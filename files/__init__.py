"""The floor below all others: what lies on disk, and how a command begins and ends.

The formats have a room of their own, `files.formats`. The modules import nothing of this project but each other.
"""
