"""Labels and stories as the text encoder should read them."""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_NOT = re.compile(
    r"[,;]?\s*\b(?:but\s+)?(?:without|no|not|except(?:\s+for)?)\s+(?:any\s+|an?\s+|the\s+)?", re.IGNORECASE
)
_OR = re.compile(r"\s*(?:,|;|\bor\b|\band\b|\bnor\b)\s*", re.IGNORECASE)
SHORT = 12  # words of a query that describes a sound; longer texts tell a story, where "no" means many things
# Words that say how others belong together, not what is seen or heard.
FUNCTION_WORDS = frozenset(
    "a about above after again all am an and any are as at be because been before being below between both but by can "
    "could did do does doing down during each few for from further had has have having he her here hers him his how i "
    "if in into is it its just me more most my no nor not of off on once only or other our out over own same she "
    "should so some such than that the their them then there these they this those through to too under until up very "
    "was we were what when where which while who whom why will with would you your".split()
)
_CLAUSE = re.compile(r"\s*[,;:–—]\s*(?:and|but|then|so)?\s+|\s+(?:and|but)\s+")
# Of what has come to its end, nothing is heard.
_ENDED = re.compile(
    r"\b(?:stop(?:s|ped)?|ceas(?:es|ed)|end(?:s|ed)(?! with\b)|subsided|fell (?:silent|asleep|still)|"
    r"died (?:down|away)|(?:no|any) (?:more|longer))\b|"
    r"\b(?:is|was|were|been) (?:over|gone|off|silent|quiet)(?: (?:by then|now|at last|again|already))?\W*$",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)]*\s+|\n\s*\n")


def plain(label: str) -> tuple[str, ...]:
    """A label in plain words.

    >>> plain("train_station/platform")
    ('train station, platform',)
    """
    return (_bare(label),)


def synonyms(label: str) -> tuple[str, ...]:
    """The phrases of a label that lists its own synonyms, as AudioSet's do.

    >>> synonyms("Bark, yip")
    ('bark', 'yip')
    """
    return tuple(_bare(label).split(", "))


def ucs(label: str) -> tuple[str, ...]:
    """What a category of UCS means, by our own short lists."""
    return tuple(_ucs_words().get(label, plain(label)))


def sentences(text: str) -> list[str]:
    """The whole text, and where it has several sentences each of them: what a story asks for as a whole and in turn.

    >>> sentences("Rain falls. A door creaks!")
    ['Rain falls. A door creaks!', 'Rain falls.', 'A door creaks!']
    """
    whole, parts = text.strip(), parted(text)
    return [whole, *parts] if len(parts) > 1 else [whole]


def parted(text: str) -> list[str]:
    """The sentences of a text; none where it has no word.

    >>> parted("Rain falls. A door creaks!")
    ['Rain falls.', 'A door creaks!']
    """
    return [part.strip() for part in _SENTENCE_END.split(text.strip()) if re.search(r"\w", part)]


def happening(text: str) -> list[str]:
    """What a story tells as going on, a sentence each, without clauses that say that something has come to its end.

    >>> happening("The storm was over. Then the rain stopped, and far away a dog barked.")
    ['far away a dog barked']
    """
    parts = [[clause for clause in _CLAUSE.split(part) if not _ENDED.search(clause)] for part in parted(text)]
    return [", ".join(clauses).strip(" .!?…") for clauses in parts if re.search(r"\w", "".join(clauses))]


@dataclass(frozen=True)
class ParsedQuery:
    """What a query wants to hear, and what it doesn't."""

    wanted: str
    unwanted: tuple[str, ...]


def parse_query(text: str) -> ParsedQuery:
    """Takes "without ...", "no ...", "not ...", "except ..." off a short query; longer texts are left as they are.

    Text encoders hardly see a negation: "rain without thunder" lies nearer to thunder than "rain" does.

    >>> parse_query("heavy rain without thunder or wind")
    ParsedQuery(wanted='heavy rain', unwanted=('thunder', 'wind'))
    >>> parse_query("no music")
    ParsedQuery(wanted='', unwanted=('music',))
    """
    first, *rest = _NOT.split(text.strip())
    if not rest or len(text.split()) > SHORT:
        return ParsedQuery(text.strip(), ())
    unwanted = tuple(thing.strip(" .!?") for part in rest for thing in _OR.split(part) if thing.strip(" .!?"))
    return ParsedQuery(first.strip(), unwanted)


def _bare(label: str) -> str:
    return label.replace("/", ", ").replace("_", " ").strip().lower()


@cache
def _ucs_words() -> dict[str, list[str]]:
    file = files("storysound") / "encode" / "ucs_words.toml"
    table: dict[str, list[str]] = tomllib.loads(file.read_text("utf-8"))
    return table
