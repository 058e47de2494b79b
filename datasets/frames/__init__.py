"""Frames of tracklets in memory: decoded once, decoded on demand, shared by divisions, views of them."""
