"""MARS, and every data set in its layout (SynthWalk is)."""
