"""Training scripts of the weights that Storysound ships."""
