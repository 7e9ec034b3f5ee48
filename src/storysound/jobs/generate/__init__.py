"""`storysound generate`."""
