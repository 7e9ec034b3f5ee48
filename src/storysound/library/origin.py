"""What a sound file says of itself: title, words, licence and whom to credit."""

import hashlib
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from storysound.library.walk import FoundFile
from storysound.match.names import is_word, whole_words
from storysound.media.endings import stem, stem_path
from storysound.story import Sound, Source

log = logging.getLogger(__name__)

_WORDY_TAGS = ("genre", "mood", "keywords", "style", "grouping", "subject", "artist", "album", "comment", "synopsis")
_LISTS = ("genre", "mood", "keywords", "style", "grouping", "subject")  # may hold several values in one
_LONGEST_TAG = 200  # characters; a comment may hold a whole page
_PAGES = ("source", "purl", "url", "website", "woas", "woaf", "contact")
_WORD = re.compile(r"[^\W\d_]+")
_URL = re.compile(r"https?://[^\s<>\"')\]]+")

_RIGHTS_NAME = re.compile(r"(licen[cs]e|copying|copyright|credits|attribution)", re.IGNORECASE)
_RIGHTS_SUFFIXES = ("", ".txt", ".md", ".rst", ".html")
_MOST_BYTES = 64_000
# Short names as SPDX has them, where it has one; first match of each counts.
_CC_URL = re.compile(r"creativecommons\.org/licen[cs]es/(by(?:-(?:nc|sa|nd))*)/(\d\.\d)", re.IGNORECASE)
_CC_SHORT = re.compile(r"\bcc[ -](by(?:[ -](?:nc|sa|nd))*)(?:[ -]v?(\d(?:\.\d)?))?\b", re.IGNORECASE)
_CC_LONG = re.compile(
    r"\battribution((?:[- ](?:non-?commercial|share-?alike|no-?deriv(?:ative)?s?(?: works)?))*)"
    r"[ ,-]*(?:licen[cs]e)?[ ,-]*v?(?:ersion )?(\d\.\d)",
    re.IGNORECASE,
)
_OTHERS = {
    "CC0-1.0": r"\bcc0\b|creativecommons\.org/publicdomain/zero|cc zero",
    "public domain": r"creativecommons\.org/publicdomain/mark|\bpublic domain\b(?! dedication)",
    "MIT": r"\bmit licen[cs]e\b|permission is hereby granted, free of charge",
    "Apache-2.0": r"apache licen[cs]e,?\s+(?:version )?2\.0|apache-2\.0",
    "BSD-3-Clause": r"bsd[ -]3[ -]clause|neither the name of",
    "ISC": r"\bisc licen[cs]e\b",
    "MPL-2.0": r"mozilla public licen[cs]e,?\s+(?:version|v\.?)? ?2\.0",
    "AGPL-3.0": r"gnu affero general public licen[cs]e\s+version 3",
    "LGPL": r"gnu (?:lesser|library) general public licen[cs]e\s+version",
    "GPL-3.0": r"gnu general public licen[cs]e,?\s+(?:version|v) ?3|\bgpl-?v?3\b",
    "GPL-2.0": r"gnu general public licen[cs]e,?\s+(?:version|v) ?2|\bgpl-?v?2\b",
    "Pixabay": r"\bpixabay (?:content )?licen[cs]e\b",
    "all rights reserved": r"\ball rights reserved\b",
}
# Texts that name another licence in passing: the one found by its title is meant.
_WINS = ("AGPL-3.0", "LGPL", "GPL-3.0", "GPL-2.0", "MPL-2.0", "Apache-2.0", "BSD-3-Clause", "MIT")


@dataclass(frozen=True)
class Rights:
    """What the licence files nearest to a sound say."""

    licence: str = ""
    credit: str = ""
    sha256: str = ""  # of these files; a sound is described anew when it changes


def recognise(text: str) -> tuple[str, ...]:
    """Short names of the licences a text names, in no order of merit; empty when it names none we know.

    >>> recognise("Licensed under https://creativecommons.org/licenses/by-nc/3.0/")
    ('CC-BY-NC-3.0',)
    """
    found = dict.fromkeys(f"CC-{kind.upper()}-{version}" for kind, version in _CC_URL.findall(text))
    for kind, version in _CC_SHORT.findall(text):
        name = "CC-" + re.sub("[ -]", "-", kind.upper())
        known = any(other.startswith(f"{name}-{version}") for other in found)
        if not known:
            found[f"{name}-{version}{'' if '.' in version else '.0'}" if version else name] = None
    for extras, version in _CC_LONG.findall(text):
        parts = [short for short in ("nc", "sa", "nd") if re.search(_LONG_PART[short], extras, re.IGNORECASE)]
        found["-".join(["CC", "BY", *(part.upper() for part in parts), version])] = None
    found |= dict.fromkeys(name for name, pattern in _OTHERS.items() if re.search(pattern, text, re.IGNORECASE))
    winner = next((name for name in _WINS if name in found), None)
    if winner and not any(name.startswith("CC") for name in found):
        return (winner,)
    if len(found) > 1:
        found.pop("all rights reserved", None)
    return tuple(found)


_LONG_PART = {"nc": "non-?commercial", "sa": "share-?alike", "nd": "no-?deriv"}


def first_line(text: str) -> str:
    """The first line of a text that says something."""
    lines = (" ".join(line.split()).strip("#=-* ") for line in text.splitlines())
    return next((line[:100] for line in lines if _WORD.search(line)), "")


class RightsFinder:
    """Finds the licence files that count for a folder: its own, else those of the nearest folder above."""

    def __init__(self) -> None:
        """Looks at each folder once."""
        self._known: dict[Path, Rights] = {}

    def of(self, target: FoundFile) -> Rights:
        """What the files nearest to a sound say; they lie in its folder or above it, up to the root."""
        top = Path(target.root)
        for folder in Path(target.file).parents:
            if folder not in self._known:
                self._known[folder] = _rights_in(folder)
            if self._known[folder].sha256 or folder == top:
                return self._known[folder]
        return Rights()


def _rights_in(folder: Path) -> Rights:
    """Of a folder's own files; LICENSE comes before COPYING before CREDITS."""
    digest = hashlib.sha256()
    rights = Rights()
    for path in _rights_files(folder):
        try:
            with path.open("rb") as stream:
                data = stream.read(_MOST_BYTES)
        except OSError as error:
            log.warning("%s: can't be read: %s", path, error)
            continue
        digest.update(data)
        text = data.decode("utf-8", "replace")
        names_only = path.name.lower().startswith(("credits", "attribution"))
        rights = Rights(
            licence=rights.licence or _licence_of(text, path.name, only_known=names_only),
            credit=rights.credit or _credit_of(text) or (f"see {path.name}" if names_only else ""),
            sha256=digest.hexdigest(),
        )
    return rights


def _rights_files(folder: Path) -> list[Path]:
    try:
        named = [(match[0].lower(), path) for path in folder.iterdir() if (match := _RIGHTS_NAME.match(path.name))]
    except OSError:
        return []
    files = [(kind[:4] != "lice", path) for kind, path in named if path.suffix.lower() in _RIGHTS_SUFFIXES]
    return [path for _, path in sorted(files) if path.is_file()]


def _licence_of(text: str, name: str, *, only_known: bool) -> str:
    found = recognise(text)
    if len(found) == 1:
        return found[0]
    if found:
        return f"see {name} ({', '.join(found)})"
    return "" if only_known else f"{name}: {first_line(text)}"


def _credit_of(text: str) -> str:
    """The line that says whose copyright it is; that of a licence's own text does not count."""
    for line in text.splitlines():
        line = " ".join(line.split())
        if re.match(r"(copyright\b|©)", line, re.IGNORECASE) and re.search(r"\d{4}", line):
            return "" if "Free Software Foundation" in line else line[:_LONGEST_TAG]
    return ""


def name_words(path: str) -> tuple[str, ...]:
    """Words of the folder and file names, in lower case, folders first.

    >>> name_words("Nature/rain-on_TinRoof 02.wav")
    ('nature', 'rain', 'on', 'tin', 'roof')
    """
    return tuple(dict.fromkeys(part.lower() for part in whole_words(stem_path(path)) if is_word(part)))


def described(sound: Sound, target: FoundFile, tags: Mapping[str, str], rights: Rights, sha256: str) -> Sound:
    """The sound under the name of `target`, with all that tags, names and licence files say of it.

    The licence of a tag comes before that of a file beside it. `source.uri` is the page the tags name, else the file.
    """
    values: list[str] = []
    for name in _WORDY_TAGS:
        text = tags.get(name, "")
        values += re.split(r"\s*[;,/|]\s*", text) if name in _LISTS else [text]
    words = [value[:_LONGEST_TAG] for value in values if value] + list(name_words(target.path))
    title = tags.get("title") or stem(Path(target.path).name)
    unique = tuple(dict.fromkeys(words))
    source = source_of(target, tags, rights, sha256)
    return replace(sound, path=target.path, root=target.root, title=title, tags=unique, source=source)


def source_of(target: FoundFile, tags: Mapping[str, str], rights: Rights, sha256: str) -> Source:
    """Where a file comes from and what may be done with it, as its tags and the licence files beside it say."""
    licence, credit, uri = _stated(tags)
    return Source(uri or target.file, sha256, licence or rights.licence, credit or rights.credit)


def _stated(tags: Mapping[str, str]) -> tuple[str, str, str]:
    """Licence, credit and page that tags state."""
    stated = [tags[name] for name in ("license", "license_url", "licenceurl", "rights", "copyright") if tags.get(name)]
    known = recognise("\n".join([*stated, tags.get("comment", "")]))
    licence = " / ".join(known) or tags.get("license", "") or tags.get("rights", "")
    urls = [url for name in (*_PAGES, "comment") for url in _URL.findall(tags.get(name, ""))]
    page = next((url for url in urls if "creativecommons.org" not in url), "")
    owner = tags.get("copyright", "")
    credit = tags.get("artist") or tags.get("author") or tags.get("composer") or ("" if recognise(owner) else owner)
    return licence[:_LONGEST_TAG], credit[:_LONGEST_TAG], page
