"""What a film file carries: which container holds what, scored sound as it decodes, and every other stream copied."""
