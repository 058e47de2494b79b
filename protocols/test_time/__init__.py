"""What of a tracklet is fed at test time."""
