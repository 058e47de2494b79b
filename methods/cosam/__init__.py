"""COSAM: Co-segmentation Inspired Attention Networks for Video-based Person Re-identification (Subramaniam et al., ICCV
2019)."""
