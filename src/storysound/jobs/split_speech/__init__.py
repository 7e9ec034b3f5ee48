"""`split_speech`: a sound or video without its speech."""
