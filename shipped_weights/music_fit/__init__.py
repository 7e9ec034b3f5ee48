"""How probable it is that music fits a mood: the few numbers of `encode/music_fit`."""
