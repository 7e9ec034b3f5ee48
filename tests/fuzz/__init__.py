"""Real media, captions and tables, mutated with a fixed seed, through probe, index, ingest and score."""
