"""`listen`: what is heard when."""
