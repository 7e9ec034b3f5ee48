"""`render`: a cue sheet becomes a film, with stems and what editing programs open. No model is loaded."""
