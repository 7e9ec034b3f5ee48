"""`fit`: a track made as long as it is wanted."""
