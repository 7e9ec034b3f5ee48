"""What a thing is: kind, mood, events, captions, what a clip already sounds like."""
