"""Sound of notes: SoundFonts are read and played, in a room if wanted."""
