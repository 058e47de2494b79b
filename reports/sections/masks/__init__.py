"""Where networks look, on a paper's page."""
