"""Data of your own, in folders or in a CSV."""
