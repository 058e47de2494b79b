"""Occlusion and repair."""
