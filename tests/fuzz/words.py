"""Captions to mutate: cues and rows of words that can be told apart, in all formats, ways of writing and encodings."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from numpy.random import Generator

from fuzz.mutations import pick

WORD = re.compile(r"w\d{3}x")
FORMATS = ("srt", "vtt", "ass", "csv", "tsv", "jsonl", "txt")
ENCODINGS = ("utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252")
ENDS = ("\n", "\r\n", "\r")
VIDEO = "film.mp4"


@dataclass(frozen=True)
class Written:
    """A file of words, and those that stand in it."""

    path: Path
    what: str
    words: frozenset[str]
    is_whole: bool  # nothing in it was changed


def written(folder: Path, rng: Generator) -> Written:
    """Captions of one video in any format, mutated."""
    form = pick(rng, FORMATS)
    first = int(rng.integers(100, 800))
    cues = [" ".join(f"w{first + 3 * n + k}x" for k in range(3)) for n in range(int(rng.integers(1, 6)))]
    text = {"srt": _timed, "vtt": _timed, "ass": _substation}.get(form, _rows)(cues, form, rng)
    return saved(folder / f"film.{form}", text, rng)


def saved(path: Path, text: str, rng: Generator) -> Written:
    """Writes the text, mutated or whole, in any encoding."""
    what = pick(rng, ("", "", "", "line lost", "line doubled", "cut", "characters", "bytes", "spaces", "numbers"))
    text = _mutated(text, what, rng)
    encoding = pick(rng, ENCODINGS)
    data = text.replace("\n", pick(rng, ENDS)).encode(encoding, "replace")
    if what == "bytes":
        changed = bytearray(data)
        for place in rng.integers(0, len(changed), int(rng.integers(1, 4))):
            changed[place] = int(rng.integers(256))
        data = bytes(changed)
    path.write_bytes(data)
    found = frozenset(WORD.findall(data.decode(encoding, "ignore")))
    return Written(path, f"{path.suffix[1:]} in {encoding}, {what or 'whole'}", found, is_whole=not what)


def _clock(time_s: float, form: str, rng: Generator) -> str:
    hours, rest = divmod(time_s, 3600)
    minutes, seconds = divmod(rest, 60)
    mark = "." if form == "vtt" or rng.random() < 0.2 else ","
    whole = f"{int(minutes):02d}:{seconds:06.3f}".replace(".", mark)
    return whole if rng.random() < 0.2 else f"{int(hours):02d}:{whole}"


def _timed(cues: list[str], form: str, rng: Generator) -> str:
    """SubRip or WebVTT, as programs and people write it."""
    is_counted, blank = (
        bool(rng.random() < (0.8 if form == "srt" else 0.3)),
        pick(rng, ("\n\n", "\n\n", "\n\n\n", "\n")),
    )
    parts = []
    for number, cue in enumerate(cues):
        words = cue.split()
        told = pick(rng, (cue, "\n".join(words), f"<i>{cue}</i>", f"<c.loud>{words[0]}</c> {' '.join(words[1:])}",
                          f"- {cue}", f"{words[0]} &amp; {' '.join(words[1:])}", f"{words[0]} < {' '.join(words[1:])}",
                          f"{words[0]}\n\n{' '.join(words[1:])}" if is_counted else cue, f"{{\\an8}}{cue}",
                          f"<v Ann>{cue}", f"3 <{words[0]} {' '.join(words[1:])}",
                          f"[{cue}]", f"♪ {cue} ♪"))  # fmt: skip
        start = 0.3 * number - pick(rng, (0.0, 0.0, 0.0, 0.1)) * bool(number)
        times = (
            f"{_clock(start, form, rng)}{pick(rng, (' --> ', ' --> ', '-->', ' -> '))}{_clock(start + 0.3, form, rng)}"
        )
        times += pick(rng, ("", "", " align:start position:0%")) if form == "vtt" else ""
        parts.append((f"{number + 1}\n" if is_counted else "") + f"{times}\n{told}")
    head = "WEBVTT\n\n" if form == "vtt" else ""
    return head + blank.join(parts) + pick(rng, ("\n", "", "\n\n"))


def _substation(cues: list[str], form: str, rng: Generator) -> str:
    fields = pick(rng, ("Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text", "Start, End, Text"))
    lines = ["[Script Info]", "ScriptType: v4.00+", "", "[Events]", f"Format: {fields}"]
    for number, cue in enumerate(cues):
        told = pick(
            rng, (cue, cue.replace(" ", "\\N"), f"{{\\b1}}{cue}{{\\b0}}", cue.replace(" ", ", "), f"{{\\k20}}{cue}")
        )
        times = f"0:00:00.{number}0,0:00:0{number + 1}.00"
        lines.append(
            f"Dialogue: 0,{times},Default,,0,0,0,,{told}" if "Layer" in fields else f"Dialogue: {times},{told}"
        )
    return "\n".join(lines) + "\n"


def _rows(cues: list[str], form: str, rng: Generator) -> str:
    if form == "txt":
        return "\n".join(cues) + "\n"
    name = pick(rng, (VIDEO, "film", "Film.mp4", "./film.mp4", " film.mp4"))
    video, text = pick(rng, ("video", "path", "file", "id")), pick(rng, ("caption", "text", "description"))
    if form == "jsonl":
        rows = [{video: name, text: pick(rng, (cue, cue.split()))} for cue in cues]
        return "\n".join(json.dumps(row, ensure_ascii=bool(rng.random() < 0.5)) for row in rows) + "\n"
    mark = "\t" if form == "tsv" else pick(rng, (",", ",", ";"))
    is_quoted = form == "csv" and rng.random() < 0.5
    told = [cue.replace(" ", pick(rng, (" ", "\n", '""', ", "))) if is_quoted else cue for cue in cues]
    quote = '"' if is_quoted else ""
    rows_ = [f"{name}{mark}{quote}{cue}{quote}{pick(rng, ('', '', mark))}" for cue in told]
    return "\n".join([f"{video}{mark}{text}", *rows_]) + pick(rng, ("\n", "", "\n\n"))


def _mutated(text: str, what: str, rng: Generator) -> str:
    lines = text.split("\n")
    at = int(rng.integers(len(lines)))
    if what == "line lost":
        del lines[at]
    elif what == "line doubled":
        lines.insert(at, lines[at])
    elif what == "cut":
        return text[: int(rng.integers(1, len(text)))]
    elif what == "spaces":
        lines = [pick(rng, ("", " ", "\t", "\u00a0")) + line + pick(rng, ("", " ", "  ")) for line in lines]
    elif what == "numbers":
        lines[at] = re.sub(r"\d", lambda match: str(rng.integers(10)), lines[at])
    elif what == "characters":
        changed = list(text)
        for place in rng.integers(0, len(changed), int(rng.integers(1, 4))):
            changed[place] = pick(rng, tuple("<>{}[]&;:,.\"'\t\\-\u0000\u2028\x85\x0b\ufffdé\n0"))
        return "".join(changed)
    return "\n".join(lines)
