"""Processes that make parts of one job side by side."""
