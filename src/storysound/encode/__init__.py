"""Row 2: one file per encoder, its file name is its public name; and the label spaces where they meet."""
