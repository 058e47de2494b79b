"""From a trained network to scores: encoding test tracklets, descriptor sets, scoring them."""
