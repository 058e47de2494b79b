"""Measures against known truth: masks, frame weights, occlusion, restoration, attributes."""
