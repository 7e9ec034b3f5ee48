"""What a command that was ended early leaves behind, told before it ends."""

from collections.abc import Iterator
from contextlib import contextmanager

from storysound.app.cli.streams import tell
from storysound.progress import Cancelled


@contextmanager
def telling() -> Iterator[None]:
    """Jobs say what is kept, and how to go on, in the notes of what ends them."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit, Cancelled) as end:
        for note in getattr(end, "__notes__", ()):
            tell(note)
        raise
