"""ADFD: Attribute-Driven Feature Disentangling and Temporal Aggregation (Zhao et al., CVPR 2019)."""
