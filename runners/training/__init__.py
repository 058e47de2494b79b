"""Training one stage: batches, optimiser, loop, checkpoints, frame features."""
