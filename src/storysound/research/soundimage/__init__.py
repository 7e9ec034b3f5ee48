"""Pictures painted by sound (BGTAI)."""
