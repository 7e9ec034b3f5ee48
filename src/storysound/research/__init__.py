"""One folder a paper: what it says, its trainings and evaluations."""
