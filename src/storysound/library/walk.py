"""Which files of a folder may hold sound, and what they are called in the library."""

import logging
import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from storysound.errors import InputError
from storysound.media.endings import MEDIA_SUFFIXES

log = logging.getLogger(__name__)

# Files with one of these are passed over without a look inside.
_OTHER = (
    ".7z .ai .als .asd .bak .bat .bib .bin .blend .bmp .bz2 .c .cfg .class .cmd .conf .cpp .cr2 .css .csv .cue "
    ".dat .db .dll .dmg .doc .docx .dylib .eps .epub .exe .exr .fbx .flp .gif .gltf .gz .h .heic .heif .hpp .htm "
    ".html .icns .ico .idx .ini .ipynb .iso .jar .java .jpeg .jpg .js .json .jsonl .key .lance .lnk .lock .log "
    ".logicx .lrc .lua .m3u .m3u8 .md .mid .midi .mjs .nfo .npy .npz .numbers .o .obj .odp .ods .odt .onnx .otf "
    ".otio .pages .parquet .part .pdf .pem .php .pkf .pkl .pl .pls .png .ppt .pptx .prproj .ps .psd .pt .pth .py "
    ".pyc .raw .rar .rb .reapeaks .rpp .rs .rst .rtf .safetensors .sfk .sh .so .sql .sqlite .srt .ssa .ass .svg "
    ".tar .tex .tga .tif .tiff .toml .torrent .ts .tsv .ttc .ttf .txt .url .vtt .wasm .webloc .webp .whl .woff "
    ".woff2 .xcf .xls .xlsx .xml .xmp .xspf .xz .yaml .yml .zip .zst"
)
OTHER_SUFFIXES = frozenset(_OTHER.split())


@dataclass(frozen=True)
class FoundFile:
    """A file that may hold sound. It lies at `root` / `path`."""

    root: str  # absolute
    path: str  # with forward slashes
    size: int
    mtime_ns: int

    @property
    def file(self) -> str:
        """The absolute path, which tells files apart."""
        return str(Path(self.root, self.path))

    def step_up(self) -> "FoundFile":
        """The same file, named from one folder further up.

        >>> target = FoundFile("/srv/rain", "a/1.wav", 9, 9).step_up()
        >>> target.root, target.path
        ('/srv', 'rain/a/1.wav')
        """
        root = Path(self.root)
        return FoundFile(str(root.parent), str(PurePosixPath(root.name, self.path)), self.size, self.mtime_ns)


@dataclass
class Walk:
    """What a walk through folders found."""

    roots: tuple[Path, ...]  # resolved; a single file counts as its own root here
    targets: list[FoundFile] = field(default_factory=list)  # each file once, in order of root and name
    skipped: list[tuple[str, str]] = field(default_factory=list)  # (path, reason)
    ignored: int = 0  # files that are no media by their names

    def covers(self, file: str) -> bool:
        """Whether a file lies in what was walked, whether it is still there or not."""
        path = Path(file)
        return any(path == root or root in path.parents for root in self.roots)


def walk(folders: Iterable[str | Path], leave_out: Collection[Path] = ()) -> Walk:
    """Looks through folders, and takes single files as they are; paths in `leave_out` are not entered.

    Links are followed, each real folder is entered once, so loops end. Names that begin with a dot are passed over.
    Raises InputError for a folder or file that does not exist.
    """
    named = [Path(folder) for folder in folders]
    for path in named:
        if not path.exists():
            raise InputError(path, "does not exist", "check the name")
    found = Walk(tuple(path.resolve() if path.is_dir() else _whole(path) for path in named))
    seen: set[str] = set()
    left_out = {str(path.resolve()) for path in leave_out}
    entered: set[tuple[int, int]] = set()
    for path, root in zip(named, found.roots, strict=True):
        files: Iterable[str] = _files(str(root), entered, left_out, found) if path.is_dir() else [str(root)]
        base = root if path.is_dir() else root.parent
        for file in files:
            if file not in seen:
                seen.add(file)
                _take(file, base, found, chosen=not path.is_dir())
    return found


def _whole(path: Path) -> Path:
    """A file's own name in its resolved folder, so that a link keeps the name it was given by."""
    return path.parent.resolve() / path.name


def _files(folder: str, entered: set[tuple[int, int]], left_out: Collection[str], found: Walk) -> Iterator[str]:
    """All files below a folder, by name."""
    try:
        status = Path(folder).stat()
        if folder in left_out or (status.st_dev, status.st_ino) in entered:
            return
        entered.add((status.st_dev, status.st_ino))
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as error:
        found.skipped.append((folder, _why(error)))
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if _is_dir(entry):
            yield from _files(entry.path, entered, left_out, found)
        else:
            yield entry.path


def _is_dir(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link into its own chain
        return False


def _take(file: str, base: Path, found: Walk, *, chosen: bool) -> None:
    """Makes a target of a file, unless its name or its kind speaks against it."""
    suffix = Path(file).suffix.lower()
    if suffix in OTHER_SUFFIXES and not chosen:
        found.ignored += 1
        return
    reason = ""
    try:
        status = Path(file).stat()
        if not stat.S_ISREG(status.st_mode):
            reason = "is not a regular file"
        elif status.st_size == 0:
            reason = "is empty"
        file.encode()
    except UnicodeEncodeError:
        reason = "has a name that is not valid UTF-8; rename it"
    except OSError as error:
        reason = "is a link to nothing" if Path(file).is_symlink() else _why(error)
    if not reason:
        path = Path(file).relative_to(base).as_posix()
        found.targets.append(FoundFile(str(base), path, status.st_size, status.st_mtime_ns))
    elif suffix in MEDIA_SUFFIXES or chosen:
        found.skipped.append((file, reason))
    else:
        found.ignored += 1


def worth_a_line(file: str) -> bool:
    """Whether a file that turned out unreadable looked like media by its name."""
    return Path(file).suffix.lower() in MEDIA_SUFFIXES


def free_name(target: FoundFile, is_taken: Callable[[str], bool]) -> FoundFile:
    """The target under a path no other file of the library has.

    A path that is taken is told from as many folders further up as needed: `1.wav` of the folder `rain` becomes
    `rain/1.wav`. So it always stays a path on this disk.
    """
    while is_taken(target.path) and target.root != str(Path(target.root).parent):
        target = target.step_up()
    return target


def _why(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "may not be read by this user; change its rights"
    return f"can't be read: {error.strerror or error}"
