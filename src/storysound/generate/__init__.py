"""Row 3: sounds, music and pictures that do not exist yet."""
