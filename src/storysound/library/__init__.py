"""What lies on disk: the library of sounds, data sets of stories, and how files come into them."""
