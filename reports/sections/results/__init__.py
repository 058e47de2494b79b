"""Accuracy: results, sides, slices, divisions."""
