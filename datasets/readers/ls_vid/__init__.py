"""LS-VID, in either of its releases."""
