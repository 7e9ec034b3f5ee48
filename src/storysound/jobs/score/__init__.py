"""`score`: a story gets its sound."""
