"""The four columns of a claim: gain, cause, headroom, power."""
