"""Training: one loop for all models, handed what is particular to each."""
