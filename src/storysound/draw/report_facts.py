"""What the report page says in words: facts of the film, levels, the sounds used, the text of the credits."""

import math
from collections.abc import Sequence
from typing import Any

from storysound.cue.score import Cue, Score
from storysound.draw import shapes as draw
from storysound.story import Sound

LAYERS = {"music": "Music", "ambience": "Ambience", "spot": "Spot effects"}


def level(value: float, unit: str) -> str:
    """A level with a true minus sign; silence has none."""
    return f"{value:.1f} {unit}".replace("-", "−") if math.isfinite(value) else "silent"


def facts(score: Score) -> list[tuple[str, str]]:
    """Name and value of what the page opens with."""
    count = sum(len(scene.shots) for scene in score.scenes)
    facts = [("Duration", draw.clock(score.duration_s)), ("Scenes", f"{len(score.scenes)}"), ("Shots", f"{count}")]
    if score.fps > 0:
        facts.append(("Frame rate", f"{score.fps:.5g} fps"))
    speech_s = sum(span.duration_s for span in score.speech)
    if speech_s > 0:
        facts.append(("Speech", f"{speech_s:.1f} s"))
    music_s = sum(span.duration_s for span in score.own_music)
    if music_s > 0:
        facts.append(("Own music", f"{music_s:.1f} s"))
    return [*facts, ("Cues", f"{len(score.cues)}")]


def loudness(score: Score) -> list[tuple[str, str, str]]:
    """Name, value and remark of each measured level."""
    levels = score.loudness
    ducking = levels["ducking_db"]
    lowered = f"−{abs(ducking):.1f} dB" if score.speech and ducking else "none"
    return [
        ("Loudness", level(levels["lufs"], "LUFS"), "integrated, ITU-R BS.1770"),
        ("True peak", level(levels["dbtp"], "dBTP"), "4× oversampled"),
        ("Ducking", lowered, "bed under speech" if score.speech else "no speech found"),
    ]


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
