"""Storysound: give it a story, get its sound."""

__version__ = "0.1.0"
