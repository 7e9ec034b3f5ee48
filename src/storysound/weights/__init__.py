"""Weights of models: where they come from, how they are fetched, checked and converted."""
