"""Attributes that arms recognise, and pseudo-labels."""
