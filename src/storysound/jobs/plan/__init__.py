"""`plan`: which sound plays when under a story, cut how, at what level: the cue sheet."""
