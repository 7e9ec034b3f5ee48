"""What people touch: the command line, and the one JSON form of requests and results."""
