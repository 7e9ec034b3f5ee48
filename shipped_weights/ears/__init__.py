"""The corpus and the teaching of our own ears."""
