"""Evidence from a GPU: what all arms cost there, and what the embedded matrix reaches."""
