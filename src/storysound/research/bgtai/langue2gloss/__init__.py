"""Langue2Gloss: sentences and sounds to gloss, and captions."""
