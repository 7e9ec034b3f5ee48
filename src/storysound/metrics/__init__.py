"""Arrays -> floats, pure."""
