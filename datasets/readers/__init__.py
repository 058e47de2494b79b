"""Layouts on disk: one module a layout, each with `examine(root, *, split, ...) -> Examination`."""
