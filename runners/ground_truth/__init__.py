"""What only known truth can answer, a module for each kind of measurement."""
