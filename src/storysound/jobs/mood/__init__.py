"""`mood`: how files feel."""
