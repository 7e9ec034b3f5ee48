"""TAVGBench (Mao et al. 2024)."""
