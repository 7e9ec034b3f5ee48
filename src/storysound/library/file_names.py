"""Names of files for stories, that every system can write and unpack."""

import hashlib
import unicodedata
from collections.abc import Iterable

# With the longest ending this leaves room in 143 bytes (encrypted folders of Linux) and in Windows' 260 a path.
LONGEST_BYTES = 120
_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in "0123456789¹²³")]
)  # of Windows, whatever their endings
_HASH_DIGITS = 10


def file_names(ids: Iterable[str]) -> dict[str, str]:
    """A file name for each story by its id; no two are the same on systems that don't tell cases or accents apart.

    Names have no dots, which WebDataset would take for endings, and none of the characters that Windows forbids; they
    are at most `LONGEST_BYTES` long. One that is shortened, or taken by an earlier id, ends in a hash of its id.

    >>> file_names(["clips/rain@12.500", "a_b", "A_b"])
    {'clips/rain@12.500': 'clips__rain@12=2E500', 'a_b': 'a_b', 'A_b': 'A_b-08eb65adb1'}
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for story_id in ids:
        parts = _parts(unicodedata.normalize("NFC", story_id))
        name, digest = "".join(parts) or "=", hashlib.sha256(story_id.encode("utf-8", "surrogatepass")).hexdigest()
        digits = _HASH_DIGITS
        while len(name.encode()) > LONGEST_BYTES or _folded(name) in taken:
            name = f"{_cut(parts, LONGEST_BYTES - digits - 1)}-{digest[:digits]}"
            digits += 1
        names[story_id] = name
        taken.add(_folded(name))
    return names


def _folded(name: str) -> str:
    return unicodedata.normalize("NFD", name.casefold())


def _parts(text: str) -> list[str]:
    """Each character as it is written in a file name: folders are parted by two underscores."""
    parts = []
    for at, char in enumerate(text):
        beside = text[max(0, at - 1) : at] + text[at + 1 : at + 2]
        is_mark = unicodedata.category(char).startswith("M") and at > 0
        if char == "/":
            parts.append("__")
        elif (char == "_" and not {"_", "/"} & set(beside)) or char.isalnum() or char in "-@+" or is_mark:
            parts.append(char)
        else:
            parts.append(_escaped(char))
    if text.casefold() in _DEVICES:
        parts[0] = _escaped(text[0])
    return parts


def _escaped(char: str) -> str:
    return "".join(f"={byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))


def _cut(parts: Iterable[str], most_bytes: int) -> str:
    kept = ""
    for part in parts:
        if len((kept + part).encode()) > most_bytes:
            break
        kept += part
    return kept
