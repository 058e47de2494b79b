"""Weights of frames against what is visible."""
