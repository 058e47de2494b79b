"""Starting weights of this suite's own: trunks trained on drawn people, in 8 bits a channel, each with its card."""
