"""The one matcher of names to files: which file is meant by a name in a table, or by the name of a caption file."""

import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from storysound.media.endings import stem


def same(name: str) -> str:
    """A name as it is compared: one form for what looks alike (macOS writes é as e and an accent)."""
    return unicodedata.normalize("NFC", name)


def _loosely(name: str) -> str:
    """As names are compared when no file is called exactly so: without spaces around, ligatures and wide letters."""
    return unicodedata.normalize("NFKC", name).strip()


class Files:
    """Files, found by name: whole names come before names without ending, and names as written before trimmed ones."""

    def __init__(self, files: Iterable[str | Path]) -> None:
        """Files are taken as they are named; none is opened."""
        self._by_name: tuple[dict[str, list[Path]], ...] = ({}, {}, {}, {})
        self._folders: dict[Path, tuple[str, ...]] = {}
        for file in dict.fromkeys(map(Path, files)):
            whole = same(file.name)
            names = (whole, stem(whole), _loosely(whole), _loosely(stem(_loosely(whole))))
            for called, name in zip(self._by_name, names, strict=True):
                called.setdefault(name, []).append(file)
            self._folders[file] = tuple(same(part) for part in file.absolute().parts[:-1])

    def called(self, name: str, *, anywhere: bool = False) -> list[Path]:
        """The files that a name or path means, with as many folders as it has; none where there are none.

        A name with an ending means the file of that ending where there is one, else those of its stem: so `scene.v2`
        is `scene.v2.mp4` and never `scene.mp4`. `anywhere`: whatever folders it has.
        """
        path = PurePosixPath(same(name).replace("\\", "/"))
        inner = () if anywhere else tuple(part.strip() for part in path.parts[:-1] if part not in (".", "/"))
        for last in dict.fromkeys((path.name, stem(path.name))):
            whole, stems, trimmed, trimmed_stems = self._by_name
            for names, wanted in (
                (whole, last), (stems, last), (trimmed, _loosely(last)), (trimmed_stems, _loosely(last)),
            ):  # fmt: skip
                found = [file for file in names.get(wanted, []) if self._lies_in(file, inner)]
                if found:
                    return found
        return []

    def _lies_in(self, file: Path, inner: Sequence[str]) -> bool:
        folders = self._folders[file]
        return not inner or tuple(part.strip() for part in folders[-len(inner) :]) == tuple(inner)
