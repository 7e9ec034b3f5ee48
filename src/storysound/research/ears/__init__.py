"""Ears of our own."""
