"""`storysound find`."""
