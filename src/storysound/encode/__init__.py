"""One file per encoder, its file name is its public name; the spaces where they meet, and the pool that owns them."""
