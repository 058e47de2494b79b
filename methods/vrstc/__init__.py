"""VRSTC: Occlusion-Free Video Person Re-Identification (Hou et al., CVPR 2019)."""
