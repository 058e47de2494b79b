"""What is recorded, kind by kind: read, checked against its per-query arrays, written."""
