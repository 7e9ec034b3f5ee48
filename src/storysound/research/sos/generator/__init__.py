"""SoSgen: sound made of words and pictures (Sound of Story, section 4.2)."""
