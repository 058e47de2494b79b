"""What is fed at test time."""
