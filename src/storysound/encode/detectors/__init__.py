"""What is where in a picture: things of 80 kinds, and faces."""
