"""DukeMTMC-VideoReID."""
