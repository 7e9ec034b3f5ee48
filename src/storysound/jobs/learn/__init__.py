"""`learn`: what the owner of a library chose for films teaches it what to choose for others."""
