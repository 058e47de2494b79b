"""The plan of a job: steps, their fingerprints, and the store of what they made."""
