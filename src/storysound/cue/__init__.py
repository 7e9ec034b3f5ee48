"""The film-music craft: what is heard when (`Score`), cut, ducked, mixed, and written as sheets."""
