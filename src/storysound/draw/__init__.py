"""Pictures of records, on one palette."""
