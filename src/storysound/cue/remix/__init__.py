"""A track made as long as it is wanted: jumps from bar to bar that aren't heard, and its own beginning and ending."""
