"""What the report page says in words: facts of the film, levels, the sounds used, the text of the credits."""

import math
from collections.abc import Sequence
from typing import Any

from storysound.cue.judge.judge import AUDIBLE_DB, PLACE_S, SEAM
from storysound.cue.score import Cue, Score, Verdict
from storysound.draw import shapes as draw
from storysound.story import Sound

LAYERS = {"music": "Music", "ambience": "Ambience", "spot": "Spot effects"}


def level(value: float, unit: str) -> str:
    """A level with a true minus sign; silence has none."""
    return f"{value:.1f} {unit}".replace("-", "−") if math.isfinite(value) else "silent"


def facts(score: Score) -> list[tuple[str, str]]:
    """Name and value of what the page opens with."""
    count = sum(len(scene.shots) for scene in score.scenes)
    facts = [("Duration", draw.clock(score.duration_s)), ("Scenes", f"{len(score.scenes)}")]
    if count:
        facts.append(("Shots", f"{count}"))
    if count and score.fps > 0:
        facts.append(("Frame rate", f"{score.fps:.5g} fps"))
    speech_s = sum(span.duration_s for span in score.speech)
    if speech_s > 0:
        facts.append(("Speech", f"{speech_s:.1f} s"))
    music_s = sum(span.duration_s for span in score.own_music)
    if music_s > 0:
        facts.append(("Own music", f"{music_s:.1f} s"))
    return [*facts, ("Cues", f"{len(score.cues)}")]


def loudness(score: Score) -> list[tuple[str, str, str]]:
    """Name, value and remark of each measured level, beside what was asked for."""
    levels, wanted = score.loudness, score.levels
    ducking = levels["ducking_db"]
    lowered = f"−{abs(ducking):.1f} dB" if score.speech and ducking else "none"
    of_what = "the dialogue" if wanted.anchor == "dialogue" else "the whole"
    return [
        ("Loudness", level(levels["lufs"], "LUFS"), f"target {level(wanted.target_lufs, 'LUFS')}, of {of_what}"),
        ("True peak", level(levels["dbtp"], "dBTP"), f"at most {level(wanted.ceiling_dbtp, 'dBTP')}"),
        ("Ducking", lowered, "bed under speech" if score.speech else "no speech found"),
    ]


def ducking(score: Score) -> list[tuple[str, str]]:
    """Name and value of what ducking does; none where nobody speaks over a bed."""
    facts = score.ducking
    if not facts.bands:
        return []
    return [
        ("Bed under speech", f"{facts.ducking_db:.1f} dB lower"),
        ("Swings of more than 6 dB", f"{facts.swings_per_min:.1f} a minute"),
        ("Fastest rise", f"{facts.rise_db_per_s:.1f} dB/s"),
        ("Fastest fall", f"{facts.fall_db_per_s:.1f} dB/s"),
    ]


def measured(cue: Cue, verdict: Verdict | None) -> list[tuple[str, str, str, bool]]:
    """What was planned of a cue and what was measured: name, both, and whether they agree; none without a verdict."""
    if verdict is None:
        return []
    rows = [
        (
            "Place",
            f"from {draw.clock(cue.start_s)}",
            "not told" if verdict.offset_s is None else _late(verdict.offset_s),
            verdict.offset_s is None or abs(verdict.offset_s) <= PLACE_S,
        ),
        (
            "Level",
            f"gain {signed(cue.gain_db)} dB",
            f"{signed(verdict.audible_db)} dB at best beside the rest",
            verdict.audible_db >= AUDIBLE_DB,
        ),
        (
            "Cuts",
            f"{len(cue.pieces)} piece{'s' if len(cue.pieces) != 1 else ''}",
            f"largest leap {verdict.seam:.2f}" if verdict.seam else "no leap",
            verdict.seam <= SEAM,
        ),
    ]
    if verdict.repeat_s is not None:
        rows.append(("Loop", "not to be noticed", f"the same each {verdict.repeat_s:.1f} s", False))
    return rows


def _late(offset_s: float) -> str:
    ms = round(offset_s * 1000)
    return f"{abs(ms)} ms {'late' if ms > 0 else 'early'}" if ms else "in place"


def signed(value: float) -> str:
    """A number with its sign, a true minus.

    >>> signed(-3.04), signed(2.0)
    ('−3.0', '+2.0')
    """
    return f"{value:+.1f}".replace("-", "−")


def faulty(score: Score) -> list[tuple[str, str]]:
    """Id of each cue that isn't as it was meant, and what is wrong with it."""
    return [(cue, "; ".join(faults)) for cue, faults in score.faults.items()]


def sounds(cues: Sequence[Cue]) -> list[dict[str, Any]]:
    """Every sound once, with the cues that use it, in order of first use."""
    uses: dict[tuple[str, str], list[Cue]] = {}
    for cue in cues:
        uses.setdefault((cue.sound.root, cue.sound.path), []).append(cue)
    return [
        {
            "sound": group[0].sound,
            "name": name_of(group[0].sound),
            "cues": group,
            "page": page_of(group[0].sound),
            "layers": sorted({LAYERS[cue.layer] for cue in group}),
            "used_s": sum(cue.duration_s for cue in group),
        }
        for group in uses.values()
    ]


def name_of(sound: Sound) -> str:
    """What to call a sound: its title, else its file's name."""
    return draw.shown(sound.title.strip() or sound.path.rsplit("/", 1)[-1])


def page_of(sound: Sound) -> str:
    """Where on the web a sound comes from; paths of the user's machine don't belong into a page that is passed on."""
    uri = sound.source.uri
    return draw.shown(uri) if "://" in uri and not uri.lower().startswith("file:") else ""


def credits_text(score: Score, cues: Sequence[Cue]) -> str:
    """Plain text for the film's credits."""
    lines = []
    for row in sounds(cues):
        sound: Sound = row["sound"]
        parts = [f"“{row['name']}”"]
        if sound.source.credit:
            parts.append(f"by {draw.shown(sound.source.credit)}")
        parts.append(f"({draw.shown(sound.source.licence) or 'licence not stated'})")
        lines.append(" ".join(parts))
    return "\n".join([f"Sound in “{draw.shown(score.title)}”", "", *lines]) if lines else ""
