"""`summarize`: the most exciting shots of a video."""
