"""Cost against frames and batch, and accuracy against cost."""
