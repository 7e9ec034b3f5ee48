"""Music under a summary: a track made as long as it, or composed; and the mix of it with the summary's own sound."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from storysound.cue.levels import Levels
from storysound.cue.master import level
from storysound.cue.mix import bed_lufs, stems, wanted_lufs
from storysound.cue.playback import Sounds
from storysound.cue.rendered import Pulse
from storysound.cue.score import Cue, MusicBrief, MusicPiece, Score
from storysound.encode.pool import Models
from storysound.jobs.plan.plan import Composer, FilmTimes, bed_of, pulse_of
from storysound.media import rhythm
from storysound.media.arrays import RATE_HZ
from storysound.media.audio import Waveform
from storysound.media.layouts import STEREO
from storysound.media.recording import of_wave
from storysound.progress import Watch
from storysound.story import Mood, Span

MOST_GAIN_DB = 20.0


@dataclass(frozen=True)
class Music:
    """A cue as long as the summary, and its beats, where it has any."""

    cue: Cue
    pulse: Pulse | None


def given_music(track: Path, length_s: float, tracker: rhythm.Tracker) -> Music:
    """A track made so long. Raises MediaError where it can't be read."""
    one = bed_of(track, length_s, Levels().target_lufs, tracker)
    return Music(one.cue, one.pulse)


def composed_music(folder: Path, length_s: float, mood: Mood, models: Models, watch: Watch) -> Music:
    """Music composed to a mood, its sound in a folder. Raises MissingModelError without the font."""
    brief = MusicBrief(MusicPiece(0.0, length_s, 1), 0, 0.0, length_s, mood)
    film = FilmTimes(length_s)
    cue = Composer(folder / "summary.json", models).cue("music-1", brief, film, watch)
    return Music(cue, Pulse(*pulse_of(brief, film)))


def mixed(own: Waveform | None, music: Music, speech: Sequence[Span], length_s: float, arousal: float) -> Waveform:
    """The summary's own sound with the music under it, lower while somebody speaks: at RATE_HZ, so long."""
    original = of_wave(own) if own is not None and np.any(own.samples) else None
    levels, cue = Levels(), music.cue
    bed = bed_lufs(original, speech, levels, STEREO)
    if np.isfinite(cue.level_lufs):
        wanted = wanted_lufs("music", bed, levels, arousal=arousal, soft=False)
        cue = replace(cue, gain_db=min(wanted - cue.level_lufs, MOST_GAIN_DB))
    score = Score("", length_s, 0.0, (), (cue,), tuple(speech), levels=levels)
    sounds = Sounds()
    score = replace(score, levels=level(score, original, sounds=sounds).levels)
    return Waveform(np.concatenate([block.sum for block in stems(score, original, sounds=sounds)], axis=1), RATE_HZ)
