"""What the models of the papers learn, on real data."""
