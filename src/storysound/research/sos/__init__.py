"""Sound of Story (Bae et al. 2023)."""
