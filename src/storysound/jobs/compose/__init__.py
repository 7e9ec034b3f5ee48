"""`compose`: music to a picture, as notes."""
