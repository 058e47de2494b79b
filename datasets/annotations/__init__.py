"""Readers of annotations, one module a format; `datasets.attributes.load` finds the right one."""
