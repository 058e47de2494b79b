"""TKP: Temporal Knowledge Propagation for Image-to-Video Person Re-Identification (Gu et al., ICCV 2019)."""
