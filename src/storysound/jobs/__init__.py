"""Row 5: one file a job. Composes rows 1 to 4; the only rooms that know several others."""
