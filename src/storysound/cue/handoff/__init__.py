"""What editing programs, spreadsheets and rights societies get of a score, and what comes back from an editor."""
