"""What Lance and the system raise about a library, as our own errors."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storysound.errors import LibraryError, OutputError

_RUST_PLACE = re.compile(r", /\S+\.rs:\d+.*")  # where in its own source Lance noticed
_FULL = ("os error 28", "os error 122", "os error 27", "No space left")
_DENIED = ("os error 13", "os error 1)", "os error 30", "Permission denied", "Read-only file system")


@contextmanager
def faults(folder: Path, *, writing: bool = False, again: str = "index the sounds") -> Iterator[None]:
    """Maps what Lance and the system raise inside the block to our own errors about `folder`.

    `again`: what the user can do to make anew what is damaged.
    """
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:
        text = f"{error}"
        if any(sign in text for sign in _FULL) or getattr(error, "errno", None) in (28, 122, 27):
            raise OutputError(folder, "the disk is full", "free some space; what was committed is safe") from error
        if any(sign in text for sign in _DENIED) or getattr(error, "errno", None) in (1, 13, 30):
            verb = "written" if writing else "read"
            kind = OutputError if writing else LibraryError
            raise kind(folder, f"may not be {verb} by this user", "change its rights or choose another") from error
        if isinstance(error, OSError) and error.strerror:  # of the system, not of Lance
            fault = f"can't be {'written' if writing else 'read'}: {error.strerror}"
            raise (OutputError if writing else LibraryError)(folder, fault, "choose another folder") from error
        text = _RUST_PLACE.sub("", " ".join(text.split()))[:160]
        fault = f"{'can not be written' if writing else 'is damaged'}: {text}"
        raise LibraryError(folder, fault, f"restore it, or {again} into a new one") from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # how Lance reports bytes that make no sense at all
            raise
        raise LibraryError(folder, "is damaged", f"restore it, or {again} into a new one") from error
