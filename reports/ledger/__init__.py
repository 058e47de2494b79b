"""The claims ledger: published margin, measured margin, verdict."""
