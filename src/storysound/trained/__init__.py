"""Models made here, ready for use."""
