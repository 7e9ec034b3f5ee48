"""`storysound score`."""
