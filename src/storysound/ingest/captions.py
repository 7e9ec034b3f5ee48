"""What people wrote about videos: tables (CSV, TSV, JSON lines), subtitles (SRT, VTT, ASS) and plain texts."""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from storysound.errors import InputError, UsageError
from storysound.ingest.languages import code_of, parts
from storysound.ingest.naming import Files, same
from storysound.ingest.subtitles import SUBTITLES, read_cues
from storysound.ingest.tables import TABLES, TIME, Row, first_of, is_nothing, said_in, seconds_of, table_rows
from storysound.media.endings import stem
from storysound.media.files import read_text

# Names of columns, the best first.
_VIDEO = ("path", "video", "file", "file_name", "filename", "clip", "name", "videoid", "video_id", "ytid", "id")
_TEXT = ("caption", "text", "description", "sentence", "desc", "captions")
_START, _END = ("start_s", "start", "start_time", "begin"), ("end_s", "end", "end_time", "stop")
_RIGHTS = {
    "film": ("film", "movie", "movie_id", "imdbid", "imdb_id", "group"),
    "licence": ("licence", "license"),
    "credit": ("credit", "author", "attribution"),
    "uri": ("uri", "url", "origin", "source"),
}
_LANGUAGE = ("language", "lang", "locale")
TOLD = (*SUBTITLES, ".txt")  # files that tell of one video
SUFFIXES = (*TABLES, *TOLD)
_UNREAD = (*TABLES, ".dfxp", ".lrc", ".sbv", ".smi", ".stl", ".sub", ".ttml")  # in a folder of captions
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")


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


@dataclass(frozen=True)
class _CaptionName:
    """What captions say of themselves: the video as they name it, their language, and the file if they are one."""

    path: str  # without the ending of a caption file
    language: str = ""  # a tag
    file: str = ""  # of subtitles or a text; empty for rows of a table


@dataclass(frozen=True)
class _CaptionMatch:
    """Captions of a video that was found by their name."""

    named: _CaptionName
    language: str  # a tag, as the name of the file ends with it where the video's own name doesn't
    least: int = 0  # how little the file tells, see `languages.parts`

    @property
    def code(self) -> str:
        """The language, whichever way it is written."""
        return code_of(self.language) or self.language.lower()


class Captions:
    """All captions, found by video; keeps count of those that nobody asked for."""

    def __init__(self, language: str = "") -> None:
        """`language`: which to take of several, as a code or a name. Raises UsageError for one that isn't known."""
        if language and not code_of(language):
            raise UsageError(f"language {language!r} is not known: give a code such as en, de or pt-BR")
        self.language = language
        self.only: tuple[Caption, ...] = ()  # of a file that need not be named like the video
        self.notes: list[str] = []  # what of the captions could not be used, and why
        self._rows: dict[_CaptionName, list[tuple[int, Caption]]] = {}  # with their places among all
        self._count = 0
        self._meant: dict[Path, list[_CaptionMatch]] = {}
        self._found: set[_CaptionName] = set()
        self._asked: set[_CaptionName] = set()
        self._several: dict[str, list[str]] = {}  # what was chosen -> videos

    def add(self, video: str, caption: Caption, *, language: str = "", file: str = "") -> None:
        """A caption of `video`, a name or a path with or without folders and ending; `file` if it tells of one only."""
        self._rows.setdefault(_CaptionName(video, language, file), []).append((self._count, caption))
        self._count += 1

    def meet(self, videos: Iterable[str | Path], *, moved: bool = True) -> None:
        """Says which videos there are, so that captions go to the one they name best.

        Whole names come first, then names without endings (see `naming.Files`). `moved`: captions whose video isn't in
        the folder that they name belong to the only one of its name, while no others name such a one elsewhere.
        """
        there = [Path(video) for video in videos]
        files = Files(there)
        self._meant |= {video: [] for video in there}
        paths: dict[str, set[str]] = {}
        for named in self._rows:
            paths.setdefault(_last(named.path), set()).add(named.path)
        for named in self._rows:
            found, meant = _found(named, files, anywhere=False)
            if not found and moved and len(paths[_last(named.path)]) == 1:
                found, meant = _found(named, files, anywhere=True)
                found = found if len(found) == 1 else []
            for video in found:
                self._meant[video].append(meant)
                self._found.add(named)

    def of(self, video: str | Path, *, alone: bool = False) -> tuple[Caption, ...]:
        """Captions of a video in order, in one language.

        `alone`: there is no other video, so subtitles are of this one, whatever they are called.
        """
        path = Path(video)
        if path not in self._meant:
            self.meet([path], moved=False)
        meant = self._meant[path]
        if not meant and alone:
            self._found |= self._rows.keys() if self.only else set()
            self._asked |= self._found
            return self.only
        self._asked |= {each.named for each in meant}
        chosen: list[_CaptionMatch] = []
        for suffixes in (("",), SUBTITLES, (".txt",)):
            kind = [each for each in meant if Path(each.named.file).suffix.lower() in suffixes]
            if kind:
                chosen += self._chosen(kind, path)
        return tuple(caption for _, caption in sorted(
            (row for each in chosen for row in self._rows[each.named]), key=lambda row: row[0]
        ))  # fmt: skip

    def texts(self) -> dict[str, str]:
        """All that is said of each video, by its name as captions give it, without folders and ending; in order."""
        said: dict[str, list[tuple[int, str]]] = {}
        for named, rows in self._rows.items():
            said.setdefault(_last(named.path), []).extend((place, caption.text) for place, caption in rows)
        return {name: " ".join(text for _, text in sorted(rows)) for name, rows in said.items()}

    def unused(self) -> list[str]:
        """Names of videos that were captioned but are not there."""
        return sorted({_last(named.path) for named in self._rows.keys() - self._found})

    def left_out(self) -> list[str]:
        """What of the captions is not used, in words; after all were asked for."""
        told = list(self.notes)
        for choice, videos in self._several.items():
            more = f" and {len(videos) - 1} more" if len(videos) > 1 else ""
            told.append(f"captions of {videos[0]!r}{more}: {choice}")
        if passed := sorted({_last(named.path) for named in self._found - self._asked}):
            told.append(f"captions of {len(passed)} videos that can't be used, as {passed[0]!r}")
        if unused := self.unused():
            told.append(f"captions of {len(unused)} videos that were not given, as {unused[0]!r}")
        return told

    def _chosen(self, meant: Sequence[_CaptionMatch], video: Path) -> list[_CaptionMatch]:
        """Those of one language: the one asked for; else what names none, English, or the first by its code."""
        codes = sorted({each.code for each in meant}, key=lambda code: (code != "", code != "en", code))
        wanted = code_of(self.language)
        code = next((code for code in (wanted, "") if code in codes), None) if wanted else codes[0]
        asked = self.language.lower().replace("_", "-")
        own = sorted(
            (each for each in meant if each.code == code),
            key=lambda each: (
                each.language.lower().replace("_", "-") != asked, each.least, len(each.language), each.language,
                [Path(each.named.file).suffix.lower() == suffix for suffix in reversed(SUBTITLES)], each.named.file,
            ),
        )  # fmt: skip
        is_file = bool(own and own[0].named.file)
        kept = own[:1] if is_file else [each for each in own if each.language == own[0].language]
        if left := " and ".join(sorted({_called(each) for each in meant if each not in kept})):
            choice = f"{_called(kept[0])} is used, not {left}; a language can be chosen" if kept else f"only in {left}"
            self._several.setdefault(choice, []).append(video.name)
        return kept


def _called(meant: _CaptionMatch) -> str:
    """What tells captions from others of the same video."""
    return meant.language or Path(meant.named.file).suffix or "what names no language"


def _last(path: str) -> str:
    """What is left of a named path without folders and ending, as it is compared."""
    return stem(PurePosixPath(same(path).replace("\\", "/")).name).strip()


def _found(named: _CaptionName, files: Files, *, anywhere: bool) -> tuple[list[Path], _CaptionMatch]:
    """The videos that captions name, and their language, which may end the name of their file but not the video's."""
    found = files.called(named.path, anywhere=anywhere)
    if found or not named.file:
        return found, _CaptionMatch(named, named.language)
    folder, slash, last = named.path.rpartition("/")
    for base, tag, least in parts(last):
        if found := files.called(folder + slash + base, anywhere=anywhere):
            return found, _CaptionMatch(named, tag or named.language, least)
    return [], _CaptionMatch(named, named.language)


def read_captions(path: str | Path | None, language: str = "") -> Captions:
    """Captions of a table, a subtitle file, or a folder of subtitles and texts named like their videos; None has none.

    Tables have a heading with a column for the video (path, video, file, name, videoid, id …) and one for the text
    (caption, text, description, sentence …), and may have start and end in seconds, language, film, licence, credit
    and url. The heading-less tables of LSMDC are known. `language`: which to take where a video has several.
    Raises InputError for what can't be read or understood, with the line; UsageError for an unknown language.
    """
    captions = Captions(language)
    if path is None:
        return captions
    file = Path(path)
    if file.is_dir():
        _read_folder(file, captions)
        return captions
    suffix = file.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(path, f"is no captions file ({suffix or 'no ending'})", f"give {', '.join(SUFFIXES)}")
    if suffix in TABLES:
        _read_table(file, captions)
    else:
        captions.only = _file(file, captions.notes)
        for caption in captions.only:
            captions.add(file.stem, caption, file=str(file))
    return captions


def told_in(file: Path) -> str:
    """All that subtitles or a text say, in one line. Raises InputError for what can't be read or says nothing."""
    text = " ".join(caption.text for caption in _file(file, []))
    if not text:
        raise InputError(file, "has no words in it", "write the description there")
    return text


def _read_folder(folder: Path, captions: Captions) -> None:
    """Files of captions in a folder and those below, of which one that is called as a language is of that language."""
    others: list[str] = []
    is_told = False
    for file in sorted(folder.rglob("*")):
        inner = file.relative_to(folder)
        if any(part.startswith(".") for part in inner.parts) or not file.is_file():
            continue
        if file.suffix.lower() not in TOLD:
            others += [str(inner)] if file.suffix.lower() in _UNREAD else []
            continue
        is_told = True
        language = next((part for part in reversed(inner.parts[:-1]) if code_of(part)), "")
        folders = [part for part in inner.parts[:-1] if not code_of(part)]
        for caption in _file(file, captions.notes):
            captions.add("/".join([*folders, file.stem]), caption, language=language, file=str(inner))
    if not is_told:
        raise InputError(folder, "has no captions in it", f"put {', '.join(TOLD)} files there, named like the videos")
    if others:
        captions.notes.append(
            f"{folder}: {len(others)} files are not read, as {others[0]!r}; give tables by themselves"
        )


def _read_table(file: Path, captions: Captions) -> None:
    silent, more, is_empty = 0, "", True
    for number, row in table_rows(file):
        is_empty = False
        video, caption = _caption(row, file, number)
        captions.add(video, caption, language=" ".join(str(said_in(row, _LANGUAGE) or "").split()))
        silent += not caption.text
        told = [name for name in _TEXT if said_in(row, [name])]
        more = more or (f"column {told[0]!r} is used, not {told[1]!r}" if len(told) > 1 else "")
    if is_empty:
        raise InputError(file, "has no captions in it", "give a heading, and a row for each video")
    if silent:
        captions.notes.append(f"{file}: {silent} rows have no text")
    if more:
        captions.notes.append(f"{file}: {more}")


def _file(file: Path, notes: list[str]) -> tuple[Caption, ...]:
    """Cues of a subtitle file, or the one text of a text file; notes say what can't be used."""
    text = _CONTROLS.sub(" ", read_text(file))
    if file.suffix.lower() == ".txt":
        return (Caption(" ".join(text.split())),)
    found = read_cues(text)
    if found is None:
        raise InputError(file, "has no subtitles in it", "a cue begins with a line like 00:01:02,000 --> 00:01:05,500")
    if not found.cues:
        notes.append(f"{file}: no subtitle says anything")
    if found.stray:
        notes.append(f"{file}: {len(found.stray)} lines belong to no subtitle, as {found.stray[0][:60]!r}")
    return tuple(Caption(cue.text, cue.start_s) for cue in found.cues)


def _caption(row: Row, file: Path, number: int) -> tuple[str, Caption]:
    """The video as a row names it, and what it says. A cell for the text may be empty; that there is none may not."""
    video = first_of(row, _VIDEO)
    if video is None:
        raise InputError(file, f"line {number} has no video", f"name a column one of: {', '.join(_VIDEO)}")
    if not row.keys() & set(_TEXT):
        raise InputError(file, f"line {number} has no text", f"name a column one of: {', '.join(_TEXT)}")
    words = " ".join(_texts(said_in(row, _TEXT), file, number))
    start_s, end_s = (_time(said_in(row, names), file, number) for names in (_START, _END))
    if end_s is not None and end_s <= (start_s or 0.0):
        raise InputError(
            file, f"line {number}: ends at {end_s:g} s, not after its start", "give seconds, end after start"
        )
    rights = {what: _line(str(said_in(row, names) or "")) for what, names in _RIGHTS.items()}
    return str(video), Caption(_line(words), start_s, end_s, **rights)


def _texts(value: Any, file: Path, number: int) -> Iterator[str]:
    """The parts of a text, which may be a list of them."""
    for part in value if isinstance(value, list) else [value]:
        if isinstance(part, bool | dict | list):
            raise InputError(file, f"line {number}: its text is {part!r}", "give a text, or a list of texts")
        if not is_nothing(part) and part not in (math.inf, -math.inf):
            yield str(part)


def _line(text: str) -> str:
    return " ".join(_CONTROLS.sub(" ", text).split())


def _time(value: Any, file: Path, number: int) -> float | None:
    """Seconds; before the start counts as the start, as in subtitles."""
    text = str(value).strip()
    is_before = re.fullmatch(rf"-({TIME}|\d+(\.\d*)?|\.\d+)", text)
    return 0.0 if is_before else seconds_of(value, file, number)
