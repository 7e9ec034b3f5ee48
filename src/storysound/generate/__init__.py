"""Music and pictures that do not exist yet."""
