"""What people wrote about videos: tables (CSV, TSV, JSON lines), subtitles (SRT, VTT) and plain texts."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from storysound.errors import InputError
from storysound.ingest.tables import TABLES, TIME, Row, clock, first_of, seconds_of, table_rows
from storysound.media.files import read_text

# Names of columns, the best first.
_COLUMNS = {
    "video": ("path", "video", "file", "file_name", "filename", "clip", "name", "videoid", "video_id", "ytid", "id"),
    "text": ("caption", "text", "description", "sentence", "desc", "captions"),
    "start_s": ("start_s", "start", "start_time", "begin"),
    "end_s": ("end_s", "end", "end_time", "stop"),
    "film": ("film", "movie", "movie_id", "imdbid", "imdb_id", "group"),
    "licence": ("licence", "license"),
    "credit": ("credit", "author", "attribution"),
    "uri": ("uri", "url", "origin", "source"),
}  # fmt: skip
_SUBTITLES = (".srt", ".vtt")
TOLD = (*_SUBTITLES, ".txt")  # files that tell of one video
SUFFIXES = (*TABLES, *TOLD)
_CUE = re.compile(rf"\s*{TIME}\s*-->\s*{TIME}")
_MARKUP = re.compile(r"<[^>]*>|\{\\[^}]*\}")


@dataclass(frozen=True)
class Caption:
    """A text about a video, or about the stretch of it from `start_s`; `end_s` where the stretch is a clip of its own.

    What is not known of rights and film is empty.
    """

    text: str
    start_s: float | None = None
    end_s: float | None = None
    film: str = ""
    licence: str = ""
    credit: str = ""
    uri: str = ""


def bare(name: str) -> str:
    """A file name without its ending; numbers after a dot are no ending.

    >>> bare("clips/rain.mp4"), bare("1001_Film_00.00.51.926-00.00.54.129")
    ('rain', '1001_Film_00.00.51.926-00.00.54.129')
    """
    last = PurePosixPath(name.replace("\\", "/")).name
    stem, dot, ending = last.rpartition(".")
    return stem if dot and stem and re.fullmatch(r"[A-Za-z]\w{0,4}|3gp|3g2", ending) else last


def bare_path(path: str) -> str:
    """A path without the ending of its file.

    >>> bare_path("a.b/rain.mp4")
    'a.b/rain'
    """
    folder, slash, last = path.rpartition("/")
    return folder + slash + bare(last)


@dataclass
class Captions:
    """All captions, found by video."""

    rows: dict[str, list[tuple[PurePosixPath, Caption]]] = field(default_factory=dict)  # bare name -> (as named, row)
    used: set[str] = field(default_factory=set)
    only: tuple[Caption, ...] = ()  # of a file that is not named like a video

    def add(self, video: str, caption: Caption) -> None:
        """A row about `video`, a name or a path with or without folders and ending."""
        self.rows.setdefault(bare(video), []).append((PurePosixPath(video.replace("\\", "/")), caption))

    def of(self, video: str | Path, *, alone: bool = False, unique: bool = False) -> tuple[Caption, ...]:
        """Captions of a video in order: those whose name, with as many folders as it has, ends the path of the video.

        `unique`: no other video has its name, so captions of that name are its own though it lies in another folder.
        `alone`: there is no other video, so subtitles are of this one, whatever they are called.
        """
        path = Path(video)
        key = bare(path.name)
        folders = path.absolute().parts[:-1]
        found = []
        for named, caption in self.rows.get(key, []):
            inner = [part for part in named.parts[:-1] if part not in (".", "/")]
            if list(folders[len(folders) - len(inner) :]) == inner:
                found.append(caption)
        same = self.rows.get(key, [])
        if not found and unique and len({path for path, _ in same}) == 1:
            found = [caption for _, caption in same]
        if found:
            self.used.add(key)
        if not found and alone:
            self.used |= self.rows.keys() if self.only else set()
            return self.only
        return tuple(found)

    def unused(self) -> list[str]:
        """Names of videos that were captioned but never asked for."""
        return sorted(self.rows.keys() - self.used)


def read_captions(path: str | Path | None) -> Captions:
    """Captions of a table, a subtitle file, or a folder of subtitles and texts named like their videos; None has none.

    Tables have a heading with a column for the video (path, video, file, name, videoid, id …) and one for the text
    (caption, text, description, sentence …), and may have start and end in seconds, film, licence, credit and url.
    The heading-less tables of LSMDC are known. Raises InputError for what can't be read or understood.
    """
    captions = Captions()
    if path is None:
        return captions
    file = Path(path)
    if file.is_dir():
        for each in sorted(file.iterdir()):
            if each.suffix.lower() in TOLD:
                for caption in _file(each):
                    captions.add(each.stem, caption)
        if not captions.rows:
            raise InputError(path, "has no captions in it", "put .srt, .vtt or .txt files there, named like the videos")
        return captions
    suffix = file.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(path, f"is no captions file ({suffix or 'no ending'})", f"give {', '.join(SUFFIXES)}")
    if suffix not in TABLES:
        captions.only = _file(file)
        for caption in captions.only:
            captions.add(file.stem, caption)
        return captions
    for number, row in table_rows(file):
        video, caption = _caption(row, file, number)
        captions.add(video, caption)
    return captions


def told_in(file: Path) -> str:
    """All that subtitles or a text say, in one line. Raises InputError for what can't be read or says nothing."""
    text = " ".join(caption.text for caption in _file(file))
    if not text:
        raise InputError(file, "has no words in it", "write the description there")
    return text


def _file(file: Path) -> tuple[Caption, ...]:
    """Cues of a subtitle file, or the one text of a text file."""
    text = read_text(file)
    if file.suffix.lower() == ".txt":
        return (Caption(" ".join(text.split())),)
    cues = tuple(_cues(text))
    if not cues:
        raise InputError(file, "has no subtitles in it", "a cue begins with a line like 00:01:02,000 --> 00:01:05,500")
    return cues


def _cues(text: str) -> Iterator[Caption]:
    """Cues of SubRip or WebVTT text, without their markup; those that say nothing are left out."""
    blocks = re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n").replace("\r", "\n"))
    for block in blocks:
        lines = block.strip("\n").split("\n")
        at = next((i for i, line in enumerate(lines) if _CUE.match(line)), None)
        if at is None:
            continue
        match = _CUE.match(lines[at])
        words = " ".join(_MARKUP.sub(" ", " ".join(lines[at + 1 :])).split())
        if match and words:
            yield Caption(words, clock(*match.group(1, 2, 3)))


def _caption(row: Row, file: Path, number: int) -> tuple[str, Caption]:
    found = {what: first_of(row, names) for what, names in _COLUMNS.items()}
    for what in ("video", "text"):
        if found[what] is None:
            raise InputError(file, f"line {number} has no {what}", f"name a column one of: {', '.join(_COLUMNS[what])}")
    text = found["text"]
    words = " ".join(str(part) for part in text) if isinstance(text, list) else str(text)
    start_s, end_s = (seconds_of(found[what], file, number) for what in ("start_s", "end_s"))
    if end_s is not None and end_s <= (start_s or 0.0):
        raise InputError(
            file, f"line {number}: ends at {end_s:g} s, not after its start", "give seconds, end after start"
        )
    rights = {what: " ".join(str(found[what] or "").split()) for what in ("film", "licence", "credit", "uri")}
    return str(found["video"]), Caption(" ".join(words.split()), start_s, end_s, **rights)
