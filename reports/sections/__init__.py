"""Sections of a paper's page, a folder for each kind of result."""
