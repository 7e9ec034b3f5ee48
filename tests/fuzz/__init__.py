"""Real media, captions, tables and names, mutated with a fixed seed, through probe, index, ingest and score."""
