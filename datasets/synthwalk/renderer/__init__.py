"""From placed people to pixels: body parts, cloth, rasteriser, frames, tracklets."""
