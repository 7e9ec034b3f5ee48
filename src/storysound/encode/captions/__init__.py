"""Captioners of the hub: networks that describe a picture or a sound in a sentence."""
