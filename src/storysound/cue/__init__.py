"""Row 3: the film-music craft. Choose, cut, duck, deliver, explain."""
