"""Story in, story out: shots and key frames of raw media."""
