"""GLTR: Global-Local Temporal Representations for Video Person Re-Identification (Li et al., ICCV 2019)."""
