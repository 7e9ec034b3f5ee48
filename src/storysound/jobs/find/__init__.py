"""`find`: the sounds of a library that fit a query."""
