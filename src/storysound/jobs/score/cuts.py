"""From drafts to cues: reads each chosen sound once, cuts it to its cues, and sets their levels."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storysound.cue.fit import Track, analyse, fit, sounding
from storysound.cue.levels import Levels
from storysound.cue.mix import cue_gain_db
from storysound.cue.playback import CuePlayer
from storysound.cue.rendered import RenderedCue
from storysound.cue.score import Cue, Piece, RunnerUp
from storysound.errors import MediaError
from storysound.jobs.score.choice import Draft
from storysound.match.query import Hit
from storysound.media import rhythm
from storysound.media.arrays import RATE_HZ
from storysound.media.audio import Waveform, read_audio
from storysound.progress import Watch
from storysound.story import Span

log = logging.getLogger(__name__)

# Of a sound longer than this only the part around its best segment is read.
LONG_S = 900.0
MARGIN_S = 60.0

MOST_TRIED = 4  # sounds for one cue


Accepts = Callable[[Draft, Hit, RenderedCue], bool]


@dataclass(frozen=True)
class _LibrarySound:
    """A sound in memory; `from_s` is where in its file the wave begins."""

    wave: Waveform
    track: Track
    from_s: float


def cut(
    drafts: Sequence[Draft],
    bed_lufs: float,
    levels: Levels,
    accept: Accepts | None = None,
    watch: Watch | None = None,
) -> list[RenderedCue]:
    """Cues in order of time.

    `bed_lufs`: loudness of the music bed, as `cue.mix.bed_lufs` gives it. `accept` judges each cue as it will sound;
    one that it turns down gives way to its runner-up, as does a sound that can't be read any more (with a warning).
    """
    watch = watch or Watch()
    loaded: dict[str, _LibrarySound | None] = {}
    rendered: list[RenderedCue] = []
    ordered = sorted(drafts, key=lambda draft: (draft.start_s, draft.layer, draft.end_s))
    for i, draft in enumerate(ordered):
        watch.at(i, len(ordered), draft.layer)
        number = sum(other.cue.layer == draft.layer for other in rendered) + 1
        for hit in draft.hits[:MOST_TRIED]:
            watch.check()
            sound = _load(hit, draft, loaded)
            one = _cue(draft, hit, sound, f"{draft.layer}-{number}", bed_lufs, levels) if sound else None
            if one is not None and (accept is None or accept(draft, hit, one)):
                rendered.append(one)
                break
        else:
            log.info("%s at %.1f s: nothing that fits well enough can be read", draft.layer, draft.start_s)
        # What no later cue asks for is let go: a story may use many long tracks.
        wanted = {hit.sound.path for later in ordered[i + 1 :] for hit in later.hits[:1]}
        for path in [p for p, kept in loaded.items() if kept is not None and p not in wanted]:
            del loaded[path]
    return rendered


def _load(hit: Hit, draft: Draft, loaded: dict[str, _LibrarySound | None]) -> _LibrarySound | None:
    path = hit.sound.path
    if path not in loaded:
        try:
            loaded[path] = _read(hit, draft)
        except MediaError as error:
            log.warning("a sound of the library is skipped: %s", error)
            loaded[path] = None
    return loaded[path]


def _read(hit: Hit, draft: Draft) -> _LibrarySound:
    sound = hit.sound
    from_s, end_s = 0.0, None
    if sound.duration_s > LONG_S:
        from_s = max(0.0, hit.start_s - MARGIN_S)
        end_s = hit.start_s + max(draft.end_s - draft.start_s, 10.0) + MARGIN_S
    wave = read_audio(Path(sound.root) / sound.path, rate_hz=RATE_HZ, channels=2, start_s=from_s, end_s=end_s)
    points: NDArray[np.float64] = np.empty(0)
    if draft.layer == "music":
        spectrogram = rhythm.analyse(wave)
        points = np.concatenate([rhythm.beat_times_s(spectrogram), rhythm.quiet_points_s(spectrogram)])
    return _LibrarySound(wave, analyse(wave, points), from_s)


def _cue(draft: Draft, hit: Hit, sound: _LibrarySound, cue_id: str, bed_lufs: float, levels: Levels) -> RenderedCue:
    length_s = draft.end_s - draft.start_s
    hint_s = max(0.0, hit.start_s - sound.from_s)
    is_spot = draft.layer == "spot"
    track = sounding(sound.track, Span(hint_s, max(hint_s, hit.end_s - sound.from_s))) if is_spot else sound.track
    fitted = fit(track, length_s, at_s=draft.start_s, hint_s=hint_s, once=is_spot)
    played_s = fitted.pieces[-1].end_s - draft.start_s
    fitted = replace(
        fitted,
        fade_in_s=max(fitted.fade_in_s, min(draft.cross_in_s, played_s / 3)),
        fade_out_s=max(fitted.fade_out_s, min(draft.cross_out_s, played_s / 3)),
    )
    player = CuePlayer(sound.wave, fitted.pieces, fade_in_s=fitted.fade_in_s, fade_out_s=fitted.fade_out_s)
    samples = player.whole()
    gain_db = cue_gain_db(samples, draft.layer, bed_lufs, levels, arousal=draft.arousal, soft=draft.soft)
    pieces = tuple(Piece(p.in_s + sound.from_s, p.out_s + sound.from_s, p.at_s) for p in fitted.pieces)
    runners = tuple(RunnerUp(h.sound.path, h.score) for h in draft.hits if h.sound.path != hit.sound.path)
    end_s = pieces[-1].end_s
    cue = Cue(
        cue_id,
        draft.layer,
        draft.start_s,
        end_s,
        hit.sound,
        pieces,
        gain_db,
        fitted.fade_in_s,
        fitted.fade_out_s,
        hit.score,
        hit.why,
        runners,
    )
    return RenderedCue(cue, samples)
