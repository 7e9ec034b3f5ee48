"""Labels and stories as the text encoder should read them."""

import re
import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)]*\s+|\n\s*\n")


def in_words(space: str, labels: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """What each label of a space means in plain words; UCS categories are explained by our own short lists.

    >>> in_words("places", ["train_station/platform"])
    (('train station, platform',),)
    """
    explained = _ucs_words() if space.startswith("ucs") else {}
    return tuple(tuple(explained.get(label, [_plain(label)])) for label in labels)


def sentences(text: str) -> list[str]:
    """The whole text, and where it has several sentences each of them: what a story asks for as a whole and in turn.

    >>> sentences("Rain falls. A door creaks!")
    ['Rain falls. A door creaks!', 'Rain falls.', 'A door creaks!']
    """
    whole = text.strip()
    parts = [part.strip() for part in _SENTENCE_END.split(whole) if re.search(r"\w", part)]
    return [whole, *parts] if len(parts) > 1 else [whole]


def _plain(label: str) -> str:
    return label.replace("/", ", ").replace("_", " ").strip().lower()


@cache
def _ucs_words() -> dict[str, list[str]]:
    file = files("storysound") / "encode" / "ucs_words.toml"
    table: dict[str, list[str]] = tomllib.loads(file.read_text("utf-8"))
    return table
