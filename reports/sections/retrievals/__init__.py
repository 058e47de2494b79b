"""What arms retrieve, on a paper's page."""
