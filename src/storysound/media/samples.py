"""The form in which the sound of stories is read, cut and mixed: stereo float32 at one rate."""

RATE_HZ = 48_000
