"""Measurements: quality on real data, speed on this machine."""
