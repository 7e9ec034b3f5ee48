"""Who finds the beats and bars of music besides `media.rhythm`."""
