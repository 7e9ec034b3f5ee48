"""What a user asks for: a request, a result and a `run` each; a job knows another by its face alone."""
