"""The small TAVDiffusion: what it learns from, its training, and who judges it."""
