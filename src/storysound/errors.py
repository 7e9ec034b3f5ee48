"""Every error Storysound raises on purpose, as one tree.

    StorysoundError
    ├── UsageError            exit 2   the command or call itself makes no sense
    ├── InputError            exit 3   a file, folder or library is not what it should be
    │   ├── MediaError                 a media file can't be decoded
    │   ├── LibraryError               a library or data set can't be opened or written
    │   └── OutputError                a result can't be written where it was asked for
    ├── MissingModelError     exit 4   weights are not here and could not be fetched
    └── progress.Cancelled    exit 130 the job was told to stop

Each error is one line that says what it got, what it wanted and what to do.
"""

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar


def one_line(text: str) -> str:
    r"""The text with line breaks and everything else that can't be printed shown as escapes.

    >>> one_line("new\nline 🎵.wav")
    'new\\nline 🎵.wav'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class StorysoundError(Exception):
    """Root of the tree.

    `exit_code` is what the command line returns for it.
    """

    exit_code: ClassVar[int] = 1


class UsageError(StorysoundError):
    """Settings that contradict each other, or a value out of its range.

    `field`: the field of the request that is at fault, as "mood.valence"; empty where it is no single one. Other fields
    stand in the message in backticks, so that whoever has other names for them can put those there.

    >>> str(UsageError("must lie in [0, 1], got 2", field="mood.valence"))
    'mood.valence: must lie in [0, 1], got 2'
    """

    exit_code = 2

    def __init__(self, fault: str, *, field: str = "") -> None:
        """`fault`: what is wrong, and what would be right."""
        self.fault, self.field = fault, field
        super().__init__(f"{field}: {fault}" if field else fault)

    def within(self, outer: str) -> "UsageError":
        """The same error of a record that is itself the field `outer` of another."""
        return UsageError(self.fault, field=f"{outer}.{self.field}" if outer and self.field else outer or self.field)

    def __reduce__(self) -> tuple[Callable[[str, str], "UsageError"], tuple[str, str]]:
        """Lets a worker process hand the error to its parent."""
        return _usage_error, (self.fault, self.field)


def _usage_error(fault: str, field: str) -> UsageError:
    return UsageError(fault, field=field)


class InputError(StorysoundError):
    """Something given by the user can't be used: names the path, the fault and the way out."""

    exit_code = 3

    def __init__(self, path: str | Path, fault: str, do: str = "") -> None:
        """`path` is what was given, `fault` what is wrong with it, `do` what the user can do about it."""
        self.path = str(path)
        self.fault = fault
        self.do = do
        # Names may hold newlines or control characters; an error stays one line whatever the name.
        super().__init__(one_line(f"{self.path}: {fault}" + (f" ({do})" if do else "")))

    @property
    def reason(self) -> str:
        """What is wrong and what to do, for lists that name the file themselves."""
        return f"{self.fault}; {self.do}" if self.do else self.fault

    def __reduce__(self) -> tuple[type["InputError"], tuple[str, str, str]]:
        """Lets a worker process hand the error to its parent."""
        return type(self), (self.path, self.fault, self.do)


class MediaError(InputError):
    """A media file is empty, broken, or lacks the stream that is needed."""


class LibraryError(InputError):
    """A library is missing, locked by rights, broken, or written by a newer version."""


class OutputError(InputError):
    """The result can't be written: no rights, no space, or the target is in the way."""


class MissingModelError(StorysoundError):
    """Weights are neither in the cache nor to be had from their source."""

    exit_code = 4
