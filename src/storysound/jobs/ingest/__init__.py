"""`ingest`: raw videos to a data set of stories."""
