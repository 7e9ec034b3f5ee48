"""`gloss`: what texts and sounds are about, in bare words."""
