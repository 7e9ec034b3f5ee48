"""Languages as people write them into names of caption files: talk.en-US.vtt, scene.ger.srt, film.English.sdh.srt."""

import re
from collections.abc import Iterator

# Code of two letters, then others for the same language, and names.
_SEVERAL = """
ar ara arabic|bg bul bulgarian|bn ben bengali|ca cat catalan|cs cze ces czech|cy wel cym welsh|da dan danish
de ger deu german deutsch|el gre ell greek|en eng english|es spa spanish español|et est estonian|eu baq eus basque
fa per fas persian farsi|fi fin finnish|fr fre fra french français|ga gle irish|gl glg galician|he heb iw hebrew
hi hin hindi|hr hrv croatian|hu hun hungarian|id ind indonesian|is ice isl icelandic|it ita italian italiano
ja jpn japanese|ko kor korean|lt lit lithuanian|lv lav latvian|ms may msa malay|nl dut nld dutch
no nb nn nor norwegian|pl pol polish|pt por portuguese português|ro rum ron romanian|ru rus russian
sk slo slk slovak|sl slv slovenian|sr srp serbian|sv swe swedish|ta tam tamil|te tel telugu|th tha thai
tl fil filipino|tr tur turkish|uk ukr ukrainian|ur urd urdu|vi vie vietnamese|zh chi zho cmn chinese
"""
_OTHERS = (
    "aa ab ae af ak am an as av ay az ba be bh bi bm bo br bs ce ch co cr cu cv dv dz ee eo ff fj fo fy gd gn gu gv ha "
    "ho ht hy hz ia ie ig ii ik io iu jv ka kg ki kj kk kl km kn kr ks ku kv kw ky la lb lg li ln lo lu mg mh mi mk ml "
    "mn mr mt my na nd ne ng nr nv ny oc oj om or os pa pi ps qu rm rn rw sa sc sd se sg sh si sm sn so sq ss st su sw "
    "tg ti tk tn to ts tt tw ty ug uz ve vo wa wo xh yi yo yue za zu"
)
_CODES = {word: words[0] for row in re.split(r"[\n|]", _SEVERAL) if (words := row.split()) for word in words}
_CODES |= {code: code for code in _OTHERS.split()}
# What else such names say, from what tells most to what tells least of what is heard and said.
_KINDS = ("full", "default", "orig", "sdh", "cc", "hi", "auto", "commentary", "foreign", "forced")
_TAG = rf"(?:{'|'.join(_CODES)})(?:[-_][a-z]{{4}})?(?:[-_](?:[a-z]{{2}}|\d{{3}}))?(?:[-_](?:orig|auto))?"
_TAIL = re.compile(
    rf"(?P<base>.+?)(?:[._-]|\s*[\[(])(?:(?P<kind>{'|'.join(_KINDS)})|(?P<tag>{_TAG}))[\])]?", re.IGNORECASE
)


def code_of(tag: str) -> str:
    """The language of a tag, a code or a name, as a short code; empty for none that is known.

    >>> code_of("en-US"), code_of("eng"), code_of("German"), code_of("v2")
    ('en', 'en', 'de', '')
    """
    return _CODES.get(re.split("[-_]", tag.strip().lower())[0], "")


def parts(name: str) -> Iterator[tuple[str, str, int]]:
    """Ways to part a name without ending in three, the longest base first: its base, its language, how little it tells.

    The language is "" where none is named. The last is 0 for subtitles of everything and higher for those of less (for
    the deaf, made by machine, forced).

    >>> list(parts("talk.en-US")), list(parts("day_en.forced")), list(parts("scene.v2"))
    ([('talk', 'en-US', 0)], [('day_en', '', 9), ('day', 'en', 9)], [])
    >>> list(parts("film.hi")), list(parts("film.en.hi"))  # Hindi, or English for the hearing impaired
    ([('film', 'hi', 0)], [('film.en', 'hi', 0), ('film', 'en', 5)])
    """
    tag, least, base = "", 0, name
    while match := _TAIL.fullmatch(base):
        kind = (match["kind"] or "").lower()
        if not kind and tag:
            return
        base, tag = match["base"], tag or match["tag"] or ""
        if kind == "hi" and not tag:
            yield base, "hi", least
        least = max(least, _KINDS.index(kind) if kind else 0)
        if kind != "hi" or tag:
            yield base, tag, least
