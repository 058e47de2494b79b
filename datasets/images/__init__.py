"""One image: its header, its decoding, its size, and the transforms of clips."""
