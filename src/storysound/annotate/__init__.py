"""Row 3: stages that say what a thing is: kind, mood."""
