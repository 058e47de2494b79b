"""Which tracklets form a batch, and which frames of a tracklet a network sees."""
