"""Embeddings to similarity: the models of the papers, and the first stage of a search."""
