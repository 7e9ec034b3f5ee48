"""Music composed to the picture: scenes with moods, cuts and a length become notes, and notes become MIDI."""
