"""Claims to sentences, by grammar: what, how often and when.

A caption of the video, one of the sound, and both as one description of about two sentences and at most fifty words
(TAVGBench, section 3.2: its clips have 2.32 sentences and 49.98 words).
"""

import re
from collections.abc import Sequence

from storysound.annotate.claims import Claim, kept
from storysound.story import Span

MOST_WORDS = 50
THROUGHOUT = 0.75  # of the clip, from which something goes on throughout
EDGE = 0.34  # of the clip, at whose ends something is at the beginning or the end
_COUNTS = ("", "once", "twice", "three times", "four times", "five times", "six times", "seven times", "eight times")
# What has no plural and takes no article; names that end in these too.
_MASS = frozenset(
    "music speech rain wind thunder thunderstorm traffic water fire steam noise laughter applause cheering birdsong "
    "chatter silence static hiss hum buzz rustle crackle hubbub cattle livestock breathing food fruit guacamole hay "
    "dough cream carbonara syrup potatoes corn pajamas clothing velvet wool spaghetti squash consomme espresso "
    "eggnog wine paper lotion sunscreen percussion rock pop reggae blues techno disco funk electronica opera "
    "radio flamenco bluegrass jazz metal country trance dubstep grunge ska afrobeat capella liquid eruption "
    "machinery cutlery wood glass reverberation distortion conditioning recording fabric meatloaf television".split()
)
_COUNTED = frozenset("ring string swing wing ping ding zing boing ceiling rolling-pin".split())  # and end in -ing
_BARE = ("rock and roll", "drum and bass", "music", "rain", "music for children")  # names that begin or are so
_PLURAL = re.compile(r"(?<![sui])s$")
_SINGULAR = frozenset("bus glass grass cross dress bass brass christmas canvas lens gas harness mattress iris".split())


def noun_phrase(words: str) -> str:
    """With the article that it takes.

    >>> [noun_phrase(words) for words in ("Egyptian Mau", "rain", "footsteps", "barking", "unicycle", "hourglass")]
    ['an Egyptian Mau', 'rain', 'footsteps', 'barking', 'a unicycle', 'an hourglass']
    """
    last = words.split()[-1].lower()
    is_doing = last.endswith("ing") and last not in _COUNTED
    if last in _MASS or is_doing or is_plural(words) or words.startswith(_BARE):
        return words
    vowel = re.match(r"(?i)(?!eu|one|uk)[aeio]|u(?!n[iu]|s[eu]|ku)|hour|x-", words)
    return f"{'an' if vowel else 'a'} {words}"


def _named(claim: Claim) -> str:
    return f"perhaps {noun_phrase(claim.words)}" if claim.doubtful else noun_phrase(claim.words)


def is_plural(words: str) -> bool:
    """Whether it stands for several, so that the verb does too."""
    last = words.split()[-1].lower()
    return last in ("cattle", "people") or (bool(_PLURAL.search(last)) and last not in _SINGULAR)


def video_sentence(claims: Sequence[Claim], duration_s: float) -> str:
    """What is seen, in order; "" where nothing may be told.

    >>> dog = Claim("video", "Beagle", "Beagle", (Span(0, 4),), 0.9, "eyes 1")
    >>> video_sentence([dog, Claim("video", "castle", "castle", (Span(4, 10),), 0.6, "eyes 1")], 10)
    'The video shows a Beagle until 4 s, then a castle.'
    """
    groups: dict[tuple[Span, ...], list[str]] = {}
    for claim in kept(claims, "video"):
        groups.setdefault(claim.spans, []).append(_named(claim))
    if not groups:
        return ""
    parts = []
    for number, (spans, phrases) in enumerate(groups.items()):
        when = _when_seen(spans, duration_s, is_last=number == len(groups) - 1 and number > 0)
        parts.append(f"{'then ' if number else ''}{listed(phrases)}{when}")
    return f"The video shows {', '.join(parts)}."


def _when_seen(spans: Sequence[Span], duration_s: float, *, is_last: bool) -> str:
    span = Span(spans[0].start_s, spans[-1].end_s)
    if len(spans) > 1:
        return f" {times(len(spans))}"
    if span.duration_s >= THROUGHOUT * duration_s or (is_last and span.end_s >= duration_s - 0.5):
        return ""
    if span.start_s < 0.5:
        return f" until {seconds(span.end_s)} s"
    return f" from {seconds(span.start_s)} to {seconds(span.end_s)} s"


def audio_sentence(claims: Sequence[Claim], duration_s: float) -> str:
    """What is heard, in order; "" where nothing may be told.

    >>> rain = Claim("audio", "Rain", "rain", (Span(0, 10),), 0.9, "ears 1")
    >>> bark = Claim("audio", "Bark", "bark", (Span(1, 2), Span(5, 6)), 0.8, "ears 1")
    >>> audio_sentence([rain, bark], 10)
    'Rain is heard throughout, and a bark twice, from 1 to 6 s.'
    """
    own = kept(claims, "audio")
    own.sort(key=lambda claim: not _goes_on(claim, duration_s))  # what goes on is what the rest is heard over
    if not own:
        return ""
    groups: dict[str, list[Claim]] = {}
    for claim in own:
        groups.setdefault(_when_heard(claim, duration_s), []).append(claim)
    clauses = []
    for number, (when, group) in enumerate(groups.items()):
        several = len(group) > 1 or is_plural(group[0].words)
        verb = f" {'are' if several else 'is'} heard" if not number else ""
        clauses.append(f"{listed([_named(claim) for claim in group])}{verb} {when}")
    return _begun(listed(clauses, comma=True)) + "."


def _goes_on(claim: Claim, duration_s: float) -> bool:
    return claim.total_s >= THROUGHOUT * duration_s


def _when_heard(claim: Claim, duration_s: float) -> str:
    span = claim.span
    if _goes_on(claim, duration_s):
        return "throughout"
    if len(claim.spans) > 1:
        return f"{times(len(claim.spans))}, from {seconds(span.start_s)} to {seconds(span.end_s)} s"
    if span.start_s < 0.5 and span.end_s > EDGE * duration_s:
        return f"until {seconds(span.end_s)} s"
    if span.end_s <= EDGE * duration_s:
        return "at the beginning"
    if span.start_s >= (1 - EDGE) * duration_s:
        return "at the end"
    return f"from {seconds(span.start_s)} to {seconds(span.end_s)} s"


def description(video: str, audio: str, most: int = MOST_WORDS) -> str:
    """Both captions as one text of at most `most` words, cut where a clause ends.

    >>> description("The video shows a dog.", "Rain is heard throughout, and a bark twice, from 1 to 6 s.", 9)
    'The video shows a dog. Rain is heard throughout.'
    """
    text = " ".join(part for part in (video, audio) if part)
    while len(text.split()) > most and (shorter := _shorter(text)) != text:
        text = shorter
    return text


def _shorter(text: str) -> str:
    """Without the last clause of the longest sentence that has several."""
    parts = split_sentences(text)
    able = [n for n, part in enumerate(parts) if ", " in part]
    if not able:
        return text
    longest = max(able, key=lambda n: len(parts[n].split()))
    parts[longest] = parts[longest].rpartition(", ")[0].rstrip(" .") + "."
    return " ".join(parts)


def split_sentences(text: str) -> list[str]:
    """The sentences of a text.

    >>> split_sentences("It rains. At 2.5 s a dog barks!")
    ['It rains.', 'At 2.5 s a dog barks!']
    """
    return [part.strip() for part in re.split(r"(?<=[.!?])\s+", text) if part.strip()]


def times(count: int) -> str:
    """How often, in words; "twice" for 2."""
    return _COUNTS[count] if count < len(_COUNTS) else f"{count} times"


def seconds(time_s: float) -> str:
    """Whole seconds, or half ones."""
    return f"{round(2 * time_s) / 2:g}"


def listed(parts: Sequence[str], *, comma: bool = False) -> str:
    """As a list in a sentence.

    >>> listed(["a", "b", "c"]), listed(["a", "b"], comma=True)
    ('a, b and c', 'a, and b')
    """
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])}{',' if comma else ''} and {parts[-1]}"


def _begun(text: str) -> str:
    return text[:1].upper() + text[1:]
