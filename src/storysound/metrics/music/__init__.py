"""How well tempo, beats and key of music are found."""
