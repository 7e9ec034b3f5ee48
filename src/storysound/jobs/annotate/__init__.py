"""Captions for pictures and sounds."""
