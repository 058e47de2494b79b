"""The protocol ledger: one set of descriptors under every way of counting."""
