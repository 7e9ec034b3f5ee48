"""Bridging the Gap between Text, Audio, Image and Any Sequence (2024)."""
