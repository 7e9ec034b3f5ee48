"""The one reader of subtitles: SubRip (SRT), WebVTT and (Advanced) SubStation Alpha (ASS, SSA).

docs/DATASETS.md says which libraries were tried in its place and what they get wrong.
"""

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

SUBTITLES = (".vtt", ".srt", ".ass", ".ssa")  # the first is taken where a video has several

_CLOCK = r"-?(?:\d{1,6}\s?[:：]\s?-?)?\d{1,3}\s?[:：]\s?-?\d{1,2}(?:\s?[.,:．，：]\s?-?\d{1,9})?"
_DIRECTIONS = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\ufeff"
_TIMES = re.compile(rf"[\s{_DIRECTIONS}]*({_CLOCK})\s*(?:-+|[–—−])\s?[>›]\s*({_CLOCK})(?!\d)")
_BROKEN_TIMES = re.compile(r"\s*(?=\S*\d)\S*[:：]\S*\s*-->\s*(?=\S*\d)\S*[:：]\S*(?:\s.*)?")
_COUNT = re.compile(r"\s*\d{1,9}\s*")
_ASIDE = re.compile(r"(?:NOTE|STYLE|REGION)(?:\s|$)")
# Words in angle brackets that are none of these were written to be read.
_BREAK = re.compile(r"</?(?:br|p|div|li|center|rt|rp)(?:\s[^<>]*)?/?>", re.IGNORECASE)
_TAG = re.compile(
    r"<(?:/?(?:b|i|u|s|em|strong|strike|del|ins|sub|sup|small|big|mark|ruby|tt)(?:\.[^\s<>]*)?\s*"
    r"|/\s*(?:a|b|i|u|c|v|lang|font|span)\s*|a\s+href[^<>]*|c(?:\.[^<>]*)?|(?:v|lang)(?:\.[^\s<>]*)?(?:\s[^<>]*)?|(?:font|span)(?:\s[^<>]*)?|(?:\d+:)?\d+:\d+[.,]\d+)/?>",
    re.IGNORECASE,
)
_OVERRIDE = re.compile(r"\{\\[^{}]*\}")
_BRACES = re.compile(r"(?<!\\)\{[^{}]*\}")  # of SubStation Alpha: overrides and comments, which are not shown
_DRAWING = re.compile(r"\{[^{}]*\\p[1-9][^{}]*\}.*?(?:\{[^{}]*\\p0[^{}]*\}|$)", re.DOTALL)
_UNSAID = ("comment", "picture", "sound", "movie", "command")  # events of SubStation Alpha that are not written
_SETTINGS = re.compile(r"(?:\s*[A-Za-z][A-Za-z0-9]*\s?:\s?[\w%.,:+-]+)*\s*")  # of a cue, after its times
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_TOUCH_S = 0.1  # cues nearer than that follow each other without a pause
_ROLLING = 0.2  # share of cues that carry lines over and go on, from which all repeat what is still shown


@dataclass(frozen=True)
class SubtitleCue:
    """What is shown from one time to another, line by line, without markup. Times before the start are the start."""

    start_s: float
    end_s: float
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """All lines as one."""
        return " ".join(self.lines)


@dataclass(frozen=True)
class Subtitles:
    """Cues that say something, in order, each word once; `stray`: lines that belong to no cue."""

    cues: tuple[SubtitleCue, ...]
    stray: tuple[str, ...] = ()


def read_cues(text: str) -> Subtitles | None:
    """The cues of a subtitle file, whichever of the formats it is in; None where it is in none of them."""
    stray: list[str] = []
    if re.search(r"^\s*\[Events\]", text, re.IGNORECASE | re.MULTILINE):
        cues = sorted(_substation(text, stray), key=lambda cue: cue.start_s)
    else:
        lines = re.split(r"\r\n|\r|\n", text)
        is_vtt = text.lstrip("\ufeff").startswith("WEBVTT")
        cues = list(_timed(lines, stray, is_vtt=is_vtt))
        if not cues and not is_vtt:
            return None
    spoken = [cue for cue in cues if cue.lines]
    unique = {(cue.start_s, cue.end_s, cue.lines): cue for cue in spoken}  # ASS draws glow and shadow as cues
    return Subtitles(tuple(_unrolled(list(unique.values()))), tuple(stray))


def plain(text: str) -> str:
    """A line without markup: tags and overrides go, entities are decoded; "3 < 5", "<3" and "<sigh>" stay.

    >>> plain("<i>3 < 5</i> &amp; <c.loud>I <3 you</c>, <v Ann>un<b>believ</b>able <sigh> &lt;bang&gt;")
    '3 < 5 & I <3 you, unbelievable <sigh> <bang>'
    """
    text = _OVERRIDE.sub("", _DRAWING.sub("", text)).replace("\\N", " ")
    text = _TAG.sub("", _BREAK.sub(" ", text))
    return " ".join(_ENTITY.sub(lambda match: html.unescape(match[0]), text).split())


def _seconds(clock: str) -> float:
    """A time of a cue; one before the start counts as the start."""
    if "-" in clock:
        return 0.0
    parts = re.split(r"\s?[:.,：．，]\s?", clock)
    fraction = "0"
    if re.search(r"[.,．，]", clock) or len(parts) == 4:
        fraction = parts.pop()
    whole = 0
    for part in parts:
        whole = whole * 60 + int(part)
    return whole + float(f"0.{int(fraction):0{len(fraction)}d}")


def _timed(lines: Sequence[str], stray: list[str], *, is_vtt: bool) -> Iterator[SubtitleCue]:
    """Cues of SubRip and WebVTT: each is what stands between its times and the next, blank lines or not."""
    at = [number for number, line in enumerate(lines) if _TIMES.match(line)]
    if not at:
        return
    is_counted = _are_counted([lines[number - 1] if number else "" for number in at])
    heads = [_head(lines, number, is_vtt=is_vtt, is_counted=is_counted) for number in at]
    before = lines[: heads[0]]
    stray += [line.strip() for line in (_without_heading(before) if is_vtt else before) if line.strip()]
    for number, end in zip(at, [*heads[1:], len(lines)], strict=True):
        match = _TIMES.match(lines[number])
        assert match
        own = _without_asides(lines[number + 1 : end], stray) if is_vtt else list(lines[number + 1 : end])
        own = _without_broken_times(own, stray)
        if not _SETTINGS.fullmatch(after := lines[number][match.end() :].strip(_DIRECTIONS)):
            own.insert(0, after)
        told = tuple(text for line in _joined(own) if (text := plain(line)))
        yield SubtitleCue(_seconds(match[1]), _seconds(match[2]), told)


def _are_counted(before: Sequence[str]) -> bool:
    """Whether cues are numbered, by the lines before their times; the first number may have been cut off."""
    numbers = [int(line) for line in before if _COUNT.fullmatch(line)]
    is_rising = all(one < other for one, other in pairwise(numbers))
    return bool(_COUNT.fullmatch(before[0])) or (is_rising and len(numbers) > max(1, len(before) // 2))


def _head(lines: Sequence[str], at: int, *, is_vtt: bool, is_counted: bool) -> int:
    """Where the cue whose times stand in line `at` begins: its number or name may stand before them."""
    if at == 0 or not lines[at - 1].strip() or _TIMES.match(lines[at - 1]):
        return at
    is_apart = at == 1 or not lines[at - 2].strip()
    if _COUNT.fullmatch(lines[at - 1]) and (is_counted or is_apart):
        return at - 1
    return at - 1 if is_vtt and is_apart else at


def _without_heading(lines: Sequence[str]) -> list[str]:
    """What stands before the first cue of a WebVTT file and is no heading, comment or style: a cue that is broken."""
    blocks = re.split(r"\n[^\S\n]*\n", "\n".join(lines))[1:]
    return [line for block in blocks if not _ASIDE.match(block.lstrip()) for line in block.split("\n")]


def _without_asides(lines: Sequence[str], stray: list[str]) -> list[str]:
    """Lines of a WebVTT cue; comments and styles that follow it are not its own."""
    kept: list[str] = []
    is_first, is_aside, was_aside = False, False, False
    for line in lines:
        if not line.strip():
            is_first, is_aside = True, False
            continue
        if is_first and _ASIDE.match(line):
            is_aside = was_aside = True
        is_first = False
        if not is_aside:
            (stray if was_aside else kept).append(line)
    return kept


def _without_broken_times(lines: Sequence[str], stray: list[str]) -> list[str]:
    """Lines of a cue without the times, and the number before them, of one that follows and whose times are broken."""
    kept: list[str] = []
    for line in lines:
        if not _BROKEN_TIMES.fullmatch(line):
            kept.append(line)
            continue
        stray.append(line.strip())
        if kept and _COUNT.fullmatch(kept[-1]):
            del kept[-1]
    return kept


def _joined(lines: Sequence[str]) -> list[str]:
    """Lines; one whose tag ends in the next is one with it."""
    joined: list[str] = []
    for line in lines:
        if joined and re.search(r"<(?:font|span|v|c)\b[^<>]*$", joined[-1], re.IGNORECASE):
            joined[-1] += f" {line}"
        else:
            joined.append(line)
    return joined


def _substation(text: str, stray: list[str]) -> Iterator[SubtitleCue]:
    """Cues of (Advanced) SubStation Alpha, whose heading says which field is which; the text comes last."""
    fields = "layer start end style name marginl marginr marginv effect text".split()
    is_events = False
    for line in re.split(r"\r\n|\r|\n", text):
        kind, _, rest = line.strip().partition(":")
        if kind.startswith("["):
            is_events = kind.lower() == "[events]"
        elif is_events and kind.lower() == "format":
            fields = [name.strip().lower() for name in rest.split(",")]
        elif is_events and kind.lower() == "dialogue":
            row = dict(zip(fields, rest.split(",", len(fields) - 1), strict=False))
            start, end = row.get("start", "").strip(), row.get("end", "").strip()
            if not (re.fullmatch(_CLOCK, start) and re.fullmatch(_CLOCK, end)):
                stray.append(line.strip())
            else:
                told = _BRACES.sub("", _DRAWING.sub("", row.get("text", ""))).replace("\\{", "{").replace("\\}", "}")
                shown = re.split(r"\\[Nn]", told.replace("\\h", " "))
                yield SubtitleCue(
                    _seconds(start), _seconds(end), tuple(words for part in shown if (words := plain(part)))
                )
        elif is_events and kind.lower() not in _UNSAID and line.strip() and not line.startswith(";"):
            stray.append(line.strip())


def _unrolled(cues: Sequence[SubtitleCue]) -> Iterator[SubtitleCue]:
    """Cues without what is shown on from the cue before.

    Captions made live or by machine show a line again when the next is added below it, or a word at a time. Where
    cues of a file do so, what is only shown on says nothing; elsewhere a "No." after a "No." is said twice.
    """
    if not cues:
        return
    pairs = list(pairwise(cues))
    by_line = [_lines_carried(*pair) for pair in pairs]
    by_word = [_words_carried(*pair) for pair in pairs]
    added = [len(cue.text.split()) for cue in cues[1:]]
    is_rolling = sum(0 < n < of for n, of in zip(by_line, added, strict=True)) >= max(1.0, _ROLLING * len(pairs))
    is_growing = sum(0 < n < of for n, of in zip(by_word, added, strict=True)) >= max(2.0, _ROLLING * len(pairs))
    yield cues[0]
    for cue, lines, words, of in zip(cues[1:], by_line, by_word, added, strict=True):
        carried = max(lines if is_rolling or is_growing or lines < of else 0, words if is_growing else 0)
        if not carried:
            yield cue
        elif carried < of:
            yield SubtitleCue(cue.start_s, cue.end_s, (" ".join(cue.text.split()[carried:]),))


def _lines_carried(before: SubtitleCue, cue: SubtitleCue) -> int:
    """Of how many words the lines are with which a cue begins and the one before ended."""
    if not _touch(before, cue):
        return 0
    ends = (before.lines[first:] for first in range(len(before.lines)))
    return next((len(" ".join(kept).split()) for kept in ends if cue.lines[: len(kept)] == kept), 0)


def _words_carried(before: SubtitleCue, cue: SubtitleCue) -> int:
    """How many words the cue before showed, where this one begins with all of them and goes on."""
    shown, said = before.text.split(), cue.text.split()
    is_more = len(shown) < len(said) and said[: len(shown)] == shown
    return len(shown) if is_more and _touch(before, cue) else 0


def _touch(before: SubtitleCue, cue: SubtitleCue) -> bool:
    return before.start_s <= cue.start_s <= before.end_s + _TOUCH_S
