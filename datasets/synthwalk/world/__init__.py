"""Who lives in a world: people, outfits, bodies, gait, and who is seen where for how long."""
