"""Running work on one machine or many; knows nothing of what the work is."""
