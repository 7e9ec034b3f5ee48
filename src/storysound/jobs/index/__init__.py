"""`storysound index`."""
