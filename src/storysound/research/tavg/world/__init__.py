"""A made world in which sound follows motion: clips that are drawn, sounded and told in sentences by rule."""
