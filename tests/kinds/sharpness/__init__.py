"""Sharpness of frames, a made-up kind."""
