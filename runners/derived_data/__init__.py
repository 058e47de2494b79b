"""Data that a job makes: annotations joined, pseudo-labels, region scores, repaired frames."""
