"""`storysound annotate`."""
