"""`generate`: what does not exist yet."""
