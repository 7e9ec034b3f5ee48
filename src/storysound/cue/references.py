"""The files a score goes by: how they are known again, and where they are when they have moved."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from storysound.cue.score import Cue, FileReference, Score
from storysound.errors import InputError
from storysound.media.content import sha256_of, sha256_of_folder
from storysound.progress import check


def reference_to(path: Path) -> FileReference:
    """How a file or folder is known again. Raises MediaError where it can't be read."""
    absolute = path.absolute()
    if absolute.is_dir():
        return FileReference(str(absolute), sha256_of_folder(absolute))
    sha256, status = sha256_of(absolute), absolute.stat()
    return FileReference(str(absolute), sha256, status.st_size, status.st_mtime_ns)


def is_unchanged(reference: FileReference) -> bool:
    """Whether what lies at its path is what it refers to; False where nothing is there."""
    path = Path(reference.path)
    try:
        status = path.stat()
    except OSError:
        return False
    if path.is_dir():
        return not reference.sha256 or sha256_of_folder(path) == reference.sha256
    if (status.st_size, status.st_mtime_ns) == (reference.size, reference.mtime_ns):
        return True
    return not reference.sha256 or (status.st_size == reference.size and sha256_of(path) == reference.sha256)


def relinked(score: Score, sheet: Path, folders: Sequence[Path]) -> tuple[Score, list[str]]:
    """The score with every file where it is now, and a line for each that has moved.

    Files that are gone are looked for beside the sheet by name, and in `folders` by name first, then by content. What a
    cue doesn't need (it is muted) may be missing. Raises InputError that names what is missing or has changed, and the
    ways out.
    """
    lines: list[str] = []
    shelves = _Shelves((sheet.absolute().parent, *(folder.absolute() for folder in folders)), folders)
    story, original = (
        reference if reference is None or is_unchanged(reference) else _moved(reference, name, shelves, lines)
        for name, reference in (("story", score.story), ("original", score.original))
    )
    cues = tuple(_with_sound(cue, shelves, lines) for cue in score.cues)
    return replace(score, story=story, original=original, cues=cues), lines


def _moved(reference: FileReference, name: str, shelves: "_Shelves", lines: list[str]) -> FileReference:
    old = Path(reference.path)
    found = shelves.find(old.name, reference.sha256, is_folder=old.is_dir() or not reference.size)
    if found is None:
        if old.exists():
            raise InputError(
                old, f"has changed since the score was planned (its {name})", "plan it anew, or bring the old one back"
            )
        raise InputError(old, f"is gone (the score's {name})", "bring it back, or say with `relink` where it is")
    lines.append(f"{old} is at {found} now")
    status = found.stat()
    return replace(
        reference, path=str(found), size=status.st_size if found.is_file() else 0, mtime_ns=status.st_mtime_ns
    )


def _with_sound(cue: Cue, shelves: "_Shelves", lines: list[str]) -> Cue:
    file = Path(cue.sound.root) / cue.sound.path
    if cue.muted or file.is_file():
        return cue
    found = shelves.find(file.name, cue.sound.source.sha256, is_folder=False, tail=cue.sound.path)
    if found is None:
        do = "bring it back, say with `relink` where it is, or swap or mute the cue"
        raise InputError(file, f"is gone (the sound of {cue.id})", do)
    line = f"{file} is at {found} now"
    if line not in lines:
        lines.append(line)
    tail = Path(cue.sound.path)
    root, path = (
        (found.parents[len(tail.parts) - 1], tail)
        if found.parts[-len(tail.parts) :] == tail.parts
        else (found.parent, Path(found.name))
    )
    return replace(cue, sound=replace(cue.sound, root=str(root), path=path.as_posix()))


class _Shelves:
    """Where files are looked for; contents are looked at only where no name fits."""

    def __init__(self, near: Sequence[Path], folders: Sequence[Path]) -> None:
        self._near, self._folders = near, folders
        self._by_hash: dict[str, Path] | None = None

    def find(self, name: str, sha256: str, *, is_folder: bool, tail: str = "") -> Path | None:
        """The file of this content, by name or by any."""
        for place in dict.fromkeys(folder / part for folder in self._near for part in (tail, name) if part):
            if is_folder and place.is_dir() and (not sha256 or sha256_of_folder(place) == sha256):
                return place
            if not is_folder and place.is_file() and (not sha256 or sha256_of(place) == sha256):
                return place
        return None if is_folder or not sha256 else self._hashed().get(sha256)

    def _hashed(self) -> dict[str, Path]:
        if self._by_hash is None:
            self._by_hash = {}
            for file in _files(self._folders):
                check()
                self._by_hash.setdefault(sha256_of(file), file)
        return self._by_hash


def _files(folders: Iterable[Path]) -> Iterator[Path]:
    """All files under the folders, in name order."""
    for folder in folders:
        if not folder.is_dir():
            raise InputError(folder, "is no folder", "name the folder the files are in now")
        for top, inner, names in os.walk(folder):
            inner.sort()
            yield from (Path(top) / name for name in sorted(names) if not name.startswith("."))
