"""From drafts to cues: reads each chosen sound once, cuts it to its cues, and sets their levels."""

import logging
import math
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count
from pathlib import Path

import numpy as np

from storysound.cue.exits import NOTHING, Edges, on_beats, opened, story_beats_s
from storysound.cue.fit import Fit, Track, analyse, fit, sounding
from storysound.cue.levels import Levels
from storysound.cue.mix import layer_lufs, wanted_lufs
from storysound.cue.playback import SHARED_S, CuePlayer, Sounds
from storysound.cue.remix.arc import Arc
from storysound.cue.remix.remix import Remixer
from storysound.cue.rendered import Pulse, RenderedCue
from storysound.cue.score import Cue, Layer, RunnerUp
from storysound.cue.texture import Texture, texture_of
from storysound.errors import MediaError
from storysound.jobs.plan.choice import Draft
from storysound.jobs.plan.entries import Entries
from storysound.jobs.plan.remixing import landings, on_hit, remixed
from storysound.match.query import Hit
from storysound.media import rhythm
from storysound.media.arrays import RATE_HZ, Doubles
from storysound.media.audio import Waveform, read_audio
from storysound.media.probe import probe
from storysound.progress import Watch
from storysound.story import Sound, Source, Span

log = logging.getLogger(__name__)

# Of a sound longer than this only the part around its best segment is read.
LONG_S = 900.0
MARGIN_S = 60.0

MOST_TRIED = 4  # sounds for one cue
MOST_GAIN_DB = 20.0  # what is fainter than that in a library is noise


Accepts = Callable[[Draft, Hit, RenderedCue], bool]


@dataclass(frozen=True)
class Place:
    """Where a cue lies, and how long it overlaps the ones before and after it."""

    id: str
    layer: Layer
    start_s: float
    end_s: float
    cross_in_s: float = 0.0
    cross_out_s: float = 0.0
    edges: Edges | None = None  # of music that comes in and goes out on beats
    scene_starts_s: tuple[float, ...] = ()  # when something new may begin in music
    hits_s: tuple[float, ...] = ()  # and when it should
    arc: Arc | None = None  # how aroused the story is over time


@dataclass(frozen=True)
class _LibrarySound:
    """A sound in memory, all of it or what of its file lies in `stretch`."""

    wave: Waveform
    track: Track
    stretch: Span
    bars: rhythm.Bars | None  # of music with a pulse, in seconds of the wave

    @property
    def from_s(self) -> float:
        """Where in its file the wave begins."""
        return self.stretch.start_s

    @property
    def beats_s(self) -> Doubles:
        """Of music, in seconds of the wave [n]."""
        return NOTHING if self.bars is None else self.bars.beats_s

    @property
    def bars_s(self) -> Doubles:
        """Where its bars begin [b]."""
        return NOTHING if self.bars is None else self.bars.downbeats_s

    @cached_property
    def remixer(self) -> Remixer:
        """What makes music longer and shorter."""
        return Remixer(self.wave, self.track, tracker=lambda _: self.bars)

    @cached_property
    def texture(self) -> Texture | None:
        """What may go on without end; None for other sounds."""
        return texture_of(self.wave)


def cut(
    drafts: Sequence[Draft],
    bed_lufs: float,
    levels: Levels,
    accept: Accepts | None = None,
    watch: Watch | None = None,
    taken: Collection[str] = (),
    sounds: Sounds | None = None,
) -> Iterator[RenderedCue]:
    """Cues in order of time, each when it is asked for: together their sound would fill memory. No id is of `taken`.

    `bed_lufs`: loudness of the music bed, as `cue.mix.bed_lufs` gives it. `accept` judges each cue as it will sound;
    one that it turns down gives way to its runner-up, as does a sound that can't be read any more (with a warning).
    `sounds`: those that are decoded already, and that who plays the cues need not decode again.
    """
    watch, sounds = watch or Watch(), sounds or Sounds()
    loaded: dict[str, _LibrarySound | None] = {}
    ids = set(taken)
    ordered = sorted(drafts, key=lambda draft: (draft.start_s, draft.layer, draft.end_s))
    last_s = max((draft.end_s for draft in ordered), default=0.0)
    entries = Entries()
    for i, draft in enumerate(ordered):
        watch.at(i, len(ordered), draft.layer)
        number = next(n for n in count(1) if f"{draft.layer}-{n}" not in ids)
        edges = Edges(entries.turn_s(draft), draft.end_s - draft.cross_out_s / 2, draft.cross_out_s > 0, last_s)
        for hit in draft.hits[:MOST_TRIED]:
            watch.check()
            placed, own = entries.offered(draft, hit), replace(draft, arc=entries.arc(draft, hit))
            sound = _load(placed, draft, loaded, sounds)
            one = _cue(own, placed, sound, f"{draft.layer}-{number}", bed_lufs, levels, edges) if sound else None
            if one is not None and sound is not None and (accept is None or accept(draft, hit, one)):
                ids.add(one.cue.id)
                entries.add(one.cue, sound.beats_s + sound.from_s, sound.bars_s + sound.from_s)
                if draft.layer == "music" and len(entries.beats_s):
                    one = replace(one, pulse=Pulse(entries.beats_s, entries.bars_s, edges.turn_s))
                yield one
                break
        else:
            log.info("%s at %.1f s: nothing that fits well enough can be read", draft.layer, draft.start_s)
        # What no later cue asks for is let go: a story may use many long tracks.
        wanted = {hit.sound.path for later in ordered[i + 1 :] for hit in later.hits[:1]}
        for path in [p for p, kept in loaded.items() if kept is not None and p not in wanted]:
            del loaded[path]


def _load(hit: Hit, draft: Draft, loaded: dict[str, _LibrarySound | None], sounds: Sounds) -> _LibrarySound | None:
    """What of a sound a draft needs: as it is loaded already, unless another stretch of a long one is."""
    path = hit.sound.path
    stretch = _stretch(hit, draft.end_s - draft.start_s)
    known = loaded.get(path)
    if path not in loaded or (known is not None and not _holds(known.stretch, stretch)):
        try:
            loaded[path] = _read(hit, draft.layer, stretch, sounds)
        except MediaError as error:
            log.warning("a sound of the library is skipped: %s", error)
            loaded[path] = None
    return loaded[path]


def _stretch(hit: Hit, length_s: float) -> Span:
    """What of a hit's sound is read for a cue of that length: all, or of a long sound what lies around its place."""
    sound = hit.sound
    if sound.duration_s <= LONG_S:
        return Span(0.0, sound.duration_s)
    length_s = max(length_s, 10.0)
    entry_s = max(0.0, min(hit.start_s, sound.duration_s - length_s))  # so that the sound lasts, where it can
    return Span(max(0.0, entry_s - MARGIN_S), min(sound.duration_s, hit.start_s + length_s + MARGIN_S))


def _holds(whole: Span, part: Span) -> bool:
    return whole.start_s <= part.start_s and part.end_s <= whole.end_s


def _read(hit: Hit, layer: Layer, stretch: Span, sounds: Sounds) -> _LibrarySound:
    sound = hit.sound
    if sound.duration_s <= SHARED_S:
        wave = sounds.whole(sound).cut()
    else:
        end_s = stretch.end_s if stretch.end_s < sound.duration_s else None  # to its end, whatever the library says
        file = Path(sound.root) / sound.path
        wave = read_audio(file, rate_hz=RATE_HZ, channels=2, start_s=stretch.start_s, end_s=end_s)
    points, bars = NOTHING, None
    if layer == "music":
        spectrogram = rhythm.analyse(wave)
        bars = sounds.bars(spectrogram)
        beats = NOTHING if bars is None else bars.beats_s
        points = np.concatenate([beats, rhythm.quiet_points_s(spectrogram)])
    return _LibrarySound(wave, analyse(wave, points), stretch, bars)


def _cue(
    draft: Draft, hit: Hit, sound: _LibrarySound, cue_id: str, bed_lufs: float, levels: Levels, edges: Edges
) -> RenderedCue:
    place = Place(cue_id, draft.layer, draft.start_s, draft.end_s, draft.cross_in_s, draft.cross_out_s)
    if draft.layer == "music":
        place = replace(place, edges=edges, scene_starts_s=draft.scene_starts_s, hits_s=draft.hits_s, arc=draft.arc)
        place = _on_the_turn(place, sound)
    wanted = wanted_lufs(draft.layer, bed_lufs, levels, arousal=draft.arousal, soft=draft.soft)
    one = _fitted(place, hit, sound, wanted)
    runners = tuple(
        RunnerUp(h.sound.path, h.score, h.start_s, h.end_s, h.why) for h in draft.hits if h.sound.path != hit.sound.path
    )
    return replace(one, cue=replace(one.cue, runners_up=runners))


def _on_the_turn(place: Place, sound: _LibrarySound) -> Place:
    """Where music has a pulse it takes over at the turn itself, on a beat; other music is faded in across it."""
    if place.edges is None or place.edges.turn_s is None or not len(sound.beats_s):
        return place
    return replace(place, start_s=place.edges.turn_s, cross_in_s=0.0)


def fitted_cue(place: Place, hit: Hit, wanted_lufs: float, tracker: rhythm.Tracker) -> Cue:
    """A sound cut to a place and brought to a loudness there. Raises MediaError where it can't be read."""
    sounds = Sounds(tracker=tracker)
    sound = _read(hit, place.layer, _stretch(hit, place.end_s - place.start_s), sounds)
    return _fitted(place, hit, sound, wanted_lufs).cue


def bed_of(file: Path, length_s: float, wanted_lufs: float, tracker: rhythm.Tracker) -> RenderedCue:
    """A track made to last from 0 to `length_s`, at a loudness. Raises MediaError where it can't be read."""
    sound = Sound(file.name, str(file.absolute().parent), probe(file).duration_s, "music", source=Source(file.name))
    hit = Hit(sound, 0.0, sound.duration_s, 1.0, ("as asked",))
    loaded = _read(hit, "music", _stretch(hit, length_s), Sounds(tracker=tracker))
    place = Place("music-1", "music", 0.0, length_s, edges=Edges(None, length_s, False, length_s))
    one = _fitted(place, hit, loaded, wanted_lufs)
    if loaded.bars is None:
        return one
    played = one.cue.pieces
    beats_s, bars_s = (story_beats_s(played, times_s + loaded.from_s) for times_s in (loaded.beats_s, loaded.bars_s))
    return replace(one, pulse=Pulse(beats_s, bars_s))


def _fitted(place: Place, hit: Hit, sound: _LibrarySound, wanted_lufs: float) -> RenderedCue:
    """A silent sound keeps its level."""
    fitted, why = _fit(place, hit, sound)
    if place.edges is not None:
        # What meets a hit already isn't moved to its turn.
        edges = replace(place.edges, turn_s=None) if place.hits_s else place.edges
        fitted = on_beats(fitted, sound.beats_s, edges, sound.bars_s)
        fitted = opened(fitted) if place.edges.turn_s is None else fitted
    played_s = fitted.pieces[-1].end_s - fitted.pieces[0].at_s
    fade_in_s = max(fitted.fade_in_s, min(place.cross_in_s, played_s / 3))
    fade_out_s = max(fitted.fade_out_s, min(place.cross_out_s, played_s / 3))
    samples = CuePlayer(sound.wave, fitted.pieces, fade_in_s=fade_in_s, fade_out_s=fade_out_s).whole()
    level = layer_lufs(samples, place.layer)
    gain_db = min(wanted_lufs - level, MOST_GAIN_DB) if math.isfinite(level) else 0.0
    pieces = tuple(replace(p, in_s=p.in_s + sound.from_s, out_s=p.out_s + sound.from_s) for p in fitted.pieces)
    cue = Cue(
        place.id,
        place.layer,
        pieces[0].at_s,
        pieces[-1].end_s,
        hit.sound,
        pieces,
        gain_db,
        fade_in_s,
        fade_out_s,
        hit.score,
        (*hit.why, *((why,) if why else ()), *landings(sound.remixer, place.hits_s, fitted.pieces)),
        level_lufs=level,
    )
    return RenderedCue(cue, samples)


def _remixed(place: Place, length_s: float, hint_s: float, sound: _LibrarySound) -> tuple[Fit | None, str]:
    """Music that takes over from other music, or whose start was set, doesn't wait for a hit with its beginning."""
    return remixed(
        sound.remixer,
        length_s,
        at_s=place.start_s,
        hint_s=hint_s,
        turns_s=place.scene_starts_s,
        hits_s=place.hits_s,
        arc=place.arc,
        may_wait=place.edges is not None and place.edges.turn_s is None,
    )


def _fit(place: Place, hit: Hit, sound: _LibrarySound) -> tuple[Fit, str]:
    """How a sound fills its place, and what to know of it."""
    length_s, why = place.end_s - place.start_s, ""
    hint_s = max(0.0, hit.start_s - sound.from_s)
    if place.layer == "music" and sound.stretch.start_s <= 0 and sound.stretch.end_s >= hit.sound.duration_s:
        made, why = _remixed(place, length_s, hint_s, sound)
        if made is not None:
            return made, why
    is_spot = place.layer == "spot"
    track = sounding(sound.track, Span(hint_s, max(hint_s, hit.end_s - sound.from_s))) if is_spot else sound.track
    if place.edges is not None and place.edges.turn_s is not None and len(sound.bars_s):
        track = replace(track, points_s=sound.bars_s)
    endless = place.layer == "ambience" and track.last_s - track.first_s < length_s
    fitted = fit(
        track,
        length_s,
        at_s=place.start_s,
        hint_s=hint_s,
        once=is_spot,
        texture=sound.texture if endless else None,
        seed=zlib.crc32(place.id.encode()),  # no two cues walk through a texture the same way
    )
    return on_hit(fitted, place.hits_s, sound.bars_s, track) if place.layer == "music" else fitted, why
