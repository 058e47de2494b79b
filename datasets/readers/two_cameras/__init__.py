"""iLIDS-VID and PRID-2011: two cameras, ten divisions."""
