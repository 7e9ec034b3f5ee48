"""Declared against measured: every cue of a score judged in the sound that is delivered."""
