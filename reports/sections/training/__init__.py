"""Training and admission, on a paper's page."""
