"""What each paper says: its citation, where its equations are in this code, its recipe, its numbers, its errata."""
