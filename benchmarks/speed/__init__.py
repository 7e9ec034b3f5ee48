"""What is fast, beside the limits of the machine."""
