"""Papers side by side: tables, groups that may be compared, claims, published numbers."""
