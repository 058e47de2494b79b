"""Jobs that released versions recorded, and the proof that today's reports still read them."""
