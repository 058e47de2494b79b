"""ResNet-50 with an average over frames: what papers measure themselves against."""
