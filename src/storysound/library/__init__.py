"""The indexed sound library: on disk, in memory, and how files come into it."""
