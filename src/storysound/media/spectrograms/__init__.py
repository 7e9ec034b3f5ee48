"""Spectrograms as pictures: sound to picture and back, as Riffusion makes them."""
