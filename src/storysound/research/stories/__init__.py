"""What trainings and evaluations on stories share."""
