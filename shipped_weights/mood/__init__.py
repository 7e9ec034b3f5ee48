"""The embedded mood heads: from ratings and music to `encode/weights/mood.safetensors`."""
