"""Bytes to arrays and back: no models, no stories."""
