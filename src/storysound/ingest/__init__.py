"""Reading stories and whatever is told of them: films, pictures, captions, tables, public sets."""
