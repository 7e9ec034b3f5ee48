"""Row 3: embeddings -> similarity."""
