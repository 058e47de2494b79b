"""A paper's card (`paper.toml`): what it published, what it claims, its arms and its recipes."""
