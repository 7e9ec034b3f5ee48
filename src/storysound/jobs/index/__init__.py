"""`index`: folders of sounds to a library."""
