"""`cue`: edits of a cue sheet."""
