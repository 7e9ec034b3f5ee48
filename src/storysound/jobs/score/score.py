"""`storysound score`: gives a video, or a folder of pictures with a text, its sound.

Six steps: look, understand, match, cue, mix, deliver. Nothing here depends on chance: the same story, library and
options give the same sound on one machine, and on another what docs/RESULTS.md says.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from storysound.annotate.feeling import Feeling
from storysound.annotate.hearing import ear_among, heard_in
from storysound.annotate.own_sound import (
    FindsEvents,
    FindsMusic,
    FindsSpeech,
    OwnSound,
    audible,
    listen,
    music_spans,
    without_music,
)
from storysound.config import Profile
from storysound.cue.mix import RATE_HZ, Levels, Mixed, bed_lufs, lay, mix
from storysound.cue.score import CueSheet, Loudness
from storysound.cue.sheet import write_csv, write_json, write_otio
from storysound.draw.report import write_report
from storysound.encode import encoder, separator, silero
from storysound.encode.encoder import Encoder
from storysound.errors import MediaError, UsageError
from storysound.ingest.footage import Footage, Pixels, read_folder, read_video
from storysound.jobs.find.find import Hit
from storysound.jobs.find.moments import times_of
from storysound.jobs.find.rerank import finder_of
from storysound.jobs.score.agreement import Attention, Listener
from storysound.jobs.score.choice import Draft, Searches, Wish, allows_commerce, beside, effect_drafts, music_drafts
from storysound.jobs.score.cuts import Accepts, Laid, cut
from storysound.jobs.score.scenes import Understanding, understand
from storysound.media.audio import Waveform, read_audio
from storysound.media.files import check_target
from storysound.media.loudness import integrated_lufs, true_peak_dbtp
from storysound.media.mux import container_for, mux_copy
from storysound.media.probe import probe
from storysound.media.slideshow import render_slideshow
from storysound.story import Event, Span
from storysound.weights.resolver import Resolver

log = logging.getLogger(__name__)

# Agreement with the pictures that an effect needs: more where the clip has its own sound, as an error costs more there.
AGREES, AGREES_UNDER_SOUND = 1.0, 3.0
LOUDEST_DBTP = -1.0  # of the delivered sound, as it decodes

Progress = Callable[[str], None]
Explains = Callable[[Footage, Understanding, Sequence[Laid]], Mapping[str, Attention]]


@dataclass(frozen=True)
class Options:
    """What the user may decide."""

    wish: Wish = field(default_factory=Wish)
    music: bool = True
    effects: bool = True
    keep_original: bool = True
    replace: bool = False  # takes out the music a clip already has, and scores it anew
    levels: Levels = field(default_factory=Levels)
    report: Path | None = None  # folder for sheet and page; by default they lie beside the video

    def __post_init__(self) -> None:
        if self.replace and not self.keep_original:
            raise UsageError("--replace keeps the voices of the original: it can't go with --drop-original")


@dataclass(frozen=True)
class Tools:
    """The library and the models a story is scored with; models are loaded when they are first needed."""

    finder: Searches
    eyes: Callable[[], Encoder[Pixels]]
    reader: Callable[[], Encoder[str]]
    speech: FindsSpeech
    music: FindsMusic
    background: Callable[[Waveform], Waveform]  # a sound without its speech
    cache: Path | None  # folder for what is worth keeping between stories
    listener: Callable[[], Listener]
    events: FindsEvents = lambda wave: ()
    feeling: Feeling | None = None  # tells moods; None: eyes and reader do
    explains: Explains | None = None  # says why a sound was chosen; None: the listener


def tools_of(library: Path, profile: Profile, weights: Resolver, rerank: str = "none") -> Tools:
    """Tools of a profile. The library is opened at once, so that a wrong name is told before any work is done.

    `rerank`: as `jobs.find.rerank.finder_of`; the model that judges again then draws the attention maps too.
    """
    finder, ranker = finder_of(library, profile, weights, rerank)
    load = cache(lambda name: encoder.load(name, weights))

    def background(wave: Waveform) -> Waveform:
        return separator.load(weights).split(wave)[0]

    def ears() -> dict[str, Encoder[Any]]:
        return {name: load(name) for name in profile.audio}

    def events(wave: Waveform) -> tuple[Event, ...]:
        ear = ear_among(ears())
        return heard_in(wave, ear) if ear else ()

    return Tools(
        finder,
        lambda: load(profile.picture),
        lambda: load(profile.text),
        lambda wave: silero.load(weights).speech_spans(wave),
        lambda wave, speech: music_spans(wave, speech, ears(), background),
        background,
        weights.cache,
        cache(lambda: Listener(profile, load, weights.cache)),
        events,
        Feeling(weights),
        ranker.attention if ranker else None,
    )


@dataclass(frozen=True)
class Scored:
    """What came of it: the sheet, the files by kind, and what the user should know."""

    sheet: CueSheet
    files: Mapping[str, Path]
    notes: tuple[str, ...]
    seconds: Mapping[str, float]  # per step


def score(
    story: Path, out: Path, tools: Tools, options: Options | None = None, progress: Progress | None = None
) -> Scored:
    """Scores `story` (a video or a folder of pictures) into the video `out`, with sheet and page beside it.

    Raises MediaError for a story that can't be read, OutputError for a place that can't be written, UsageError for
    options that contradict each other; whatever happens, no file is left half written.
    """
    options = options or Options()
    files = _targets(story, out, options.report)
    clock = _Clock(progress)
    with clock("look"):
        footage = read_folder(story) if story.is_dir() else read_video(story)
        heard = listen(footage.original, tools.speech, tools.music, tools.events)
        if not options.replace:
            heard = replace(heard, music=heard.fights_with(bed_lufs(heard.wave, heard.speech, options.levels)))
        aside = _stepped_aside(heard, options)
        own = _kept(heard, options, tools)
    with clock("understand"):
        understood = understand(footage, tools.eyes(), tools.reader(), options.wish.text, tools.cache, tools.feeling)
    with clock("match"):
        drafts = [] if aside else _drafts(footage, understood, own, tools.finder, options)
    with clock("cue"):
        bed = bed_lufs(own.wave, own.speech, options.levels)
        laid = cut(drafts, bed, options.levels, _accepts(footage, understood, own, tools))
    with clock("mix"):
        added = lay([(one.cue.start_s, one.samples, one.cue.gain_db) for one in laid], footage.samples)
        mixed = mix(own.wave, added, own.speech, options.levels)
    with clock("deliver"):
        _write_video(footage, story, mixed.wave, out)
        delivered = read_audio(out)
        sheet = CueSheet(
            footage.title,
            footage.duration_s,
            footage.fps,
            understood.scenes,
            tuple(one.cue for one in laid),
            own.speech,
            Loudness(lufs=integrated_lufs(delivered), dbtp=true_peak_dbtp(delivered), ducking_db=mixed.ducking_db),
            aside,
            own.music,
        )
        maps = (tools.explains or tools.listener().attention)(footage, understood, laid) if laid else {}
        _write_papers(sheet, files, footage, understood, mixed, own.wave, maps, video=out if footage.stills else story)
    return Scored(sheet, files, _notes(sheet, mixed, footage, options), clock.seconds)


class _Clock:
    """Names the steps to the user and keeps how long each took."""

    def __init__(self, progress: Progress | None) -> None:
        self.progress = progress
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        if self.progress:
            self.progress(name)
        started = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - started


def _targets(story: Path, out: Path, report: Path | None) -> dict[str, Path]:
    """Where everything goes; tells mistakes before any work is done."""
    info = None if story.is_dir() else probe(story)
    if info is not None and info.is_still:
        raise MediaError(story, "is a picture, a video is wanted", "put it into a folder, and give that")
    files = {"video": out} | _papers(out, report)
    for file in files.values():
        check_target(file, story)
    container_for(out, info.video.codec if info and info.video else "h264")
    return files


def _papers(out: Path, report: Path | None) -> dict[str, Path]:
    """Where sheet and page go: into their own folder, or beside the video under its name."""
    if report:
        names = {"json": "cues.json", "csv": "cues.csv", "otio": "timeline.otio", "report": "report.html"}
        return {kind: report / name for kind, name in names.items()}
    names = {"json": ".cues.json", "csv": ".cues.csv", "otio": ".otio", "report": ".report.html"}
    return {kind: out.with_name(out.stem + name) for kind, name in names.items()}


def _stepped_aside(own: OwnSound, options: Options) -> str:
    if not own.has_music or options.replace or not options.keep_original:
        return ""
    return f"the clip already has music ({own.music_share:.0%} of it); --replace takes it out and scores it anew"


def _kept(own: OwnSound, options: Options, tools: Tools) -> OwnSound:
    """What of the clip's own sound goes into the mix."""
    if not options.keep_original:
        return OwnSound(None)
    if options.replace and own.music:
        wave = without_music(own, tools.background)
        return replace(own, wave=wave, speech=own.speech if wave is not None else (), music=())
    return own


def _drafts(
    footage: Footage, understood: Understanding, own: OwnSound, finder: Searches, options: Options
) -> list[Draft]:
    drafts = music_drafts(understood, finder, options.wish) if options.music else []
    drafts = beside(drafts, own.music)
    if options.effects:
        drafts += effect_drafts(footage, understood, finder, options.wish, audible(own.wave, footage.units))
    return drafts


def _accepts(footage: Footage, understood: Understanding, own: OwnSound, tools: Tools) -> Accepts:
    """Effects have to be heard as what is seen or told, and must not double what the clip itself sounds like."""

    @cache
    def is_there(unit: int) -> bool:
        span = footage.units[unit]
        if own.wave is None:
            return False
        return tools.listener().agreement(footage, understood, unit, own.wave.cut(span.start_s, span.end_s)) >= AGREES

    def accept(draft: Draft, hit: Hit, laid: Laid) -> bool:
        if draft.unit is None:
            return True
        span = Span(laid.cue.start_s, laid.cue.end_s)
        if draft.soft and (own.has({event.label for event in hit.events}, span) or is_there(draft.unit)):
            return False
        agreement = tools.listener().agreement(footage, understood, draft.unit, Waveform(laid.samples, RATE_HZ))
        return agreement >= (AGREES_UNDER_SOUND if draft.soft else AGREES)

    return accept


def _write_video(footage: Footage, story: Path, wave: Waveform, out: Path) -> None:
    """The story's pictures, or a slideshow of them, with the new sound."""
    if not footage.stills:
        mux_copy(story, wave, out, ceiling_dbtp=LOUDEST_DBTP)
        return
    portrait = np.median([own[0].shape[0] / own[0].shape[1] for own in footage.pictures]) > 1
    size = (720, 1280) if portrait else (1280, 720)
    lengths_s = [shot.duration_s for shot in footage.shots]
    render_slideshow(footage.stills, lengths_s, wave, out, size=size, ceiling_dbtp=LOUDEST_DBTP)


def _write_papers(
    sheet: CueSheet,
    files: Mapping[str, Path],
    footage: Footage,
    understood: Understanding,
    mixed: Mixed,
    original: Waveform | None,
    maps: Mapping[str, Attention],
    *,
    video: Path,
) -> None:
    """The sheet in three forms, and the page."""
    write_json(sheet, files["json"])
    write_csv(sheet, files["csv"])
    write_otio(sheet, files["otio"], video=video, scored=files["video"], has_audio=original is not None)
    pictures = [picture for own in footage.pictures for picture in own]
    write_report(
        sheet,
        files["report"],
        thumbnails=list(zip(footage.times_s, pictures, strict=True)),
        waveforms={"mix": mixed.wave, "original": original, "added": mixed.added},
        attention=maps,
        moods={**understood.moods, "music": _music_moods(sheet)},
        video=files["video"],
    )


def _music_moods(sheet: CueSheet) -> list[tuple[float, float, float]]:
    """The mood of the music that is laid, over time."""
    beds = [cue for cue in sheet.cues if cue.layer == "music"]
    moods = [(cue, cue.sound.mood) for cue in sorted(beds, key=lambda cue: cue.start_s)]
    return [(time_s, m.valence, m.arousal) for cue, m in moods for time_s in (cue.start_s, cue.end_s)]


def _notes(sheet: CueSheet, mixed: Mixed, footage: Footage, options: Options) -> tuple[str, ...]:
    """What the user should know of the result."""
    notes = [*footage.faults, *([sheet.stepped_aside] if sheet.stepped_aside else [])]
    if options.music and not sheet.stepped_aside and not any(cue.layer == "music" for cue in sheet.cues):
        notes.append("no music was added: the library has none that may be used")
    if options.music and sheet.own_music and not sheet.stepped_aside:
        places = ", ".join(times_of(span) for span in sheet.own_music)
        notes.append(f"the clip has music of its own at {places}: none is laid there")
    if not sheet.stepped_aside:
        notes += _licence_notes(sheet)
    if mixed.limited_db > 3.0:
        notes.append(f"peaks had to be lowered by up to {mixed.limited_db:.1f} dB to reach the loudness")
    return tuple(notes)


def _licence_notes(sheet: CueSheet) -> list[str]:
    sounds = {cue.sound.path: cue.sound for cue in sheet.cues}.values()
    unknown = sorted(sound.path for sound in sounds if not sound.source.licence.strip())
    not_sold = sorted(s.path for s in sounds if s.source.licence.strip() and not allows_commerce(s.source.licence))
    notes = [f"states no licence: {', '.join(unknown)}"] if unknown else []
    return notes + ([f"not for commercial use: {', '.join(not_sold)}"] if not_sold else [])
