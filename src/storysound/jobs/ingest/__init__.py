"""`storysound ingest`."""
