"""What is found, heard and told, on real data."""
