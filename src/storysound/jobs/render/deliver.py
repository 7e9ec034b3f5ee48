"""Film, stems, sheets, hand-off and page of a score: all are there in the end, or none is."""

import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from storysound.cue.handoff.tables import write_csv, write_rights
from storysound.cue.handoff.timeline import Handoff
from storysound.cue.judge.delivered import FilmSound
from storysound.cue.judge.judge import fault_lines, judge
from storysound.cue.judge.probes import Probes
from storysound.cue.rendered import Attention
from storysound.cue.score import Loudness, Score, Still, Verdict
from storysound.cue.sheet import write_json
from storysound.draw.excerpts import Excerpt
from storysound.draw.report import write_report
from storysound.errors import OutputError
from storysound.ingest.footage import SIDE_PX, Footage
from storysound.ingest.kinds import kind_of
from storysound.jobs.render.request import RenderOptions
from storysound.media.arrays import Pixels
from storysound.media.files import atomic, check_target
from storysound.media.film.containers import container_for, unable
from storysound.media.film.descriptions import lost
from storysound.media.film.enclosed import Enclosed, enclosed_in, unheld
from storysound.media.film.mux import Delivered, ScoredTrack, mux_film
from storysound.media.film.slideshow import render_slideshow
from storysound.media.film.sound_files import SOUND_SUFFIXES, SOUNDS, write_sound, write_wav
from storysound.media.film.soundtrack import DeliveredSound
from storysound.media.film.tracks import original_tracks
from storysound.media.image import read_image
from storysound.media.probe import probe
from storysound.media.recording import Recording
from storysound.media.video import iter_shown, key_pictures
from storysound.progress import Watch
from storysound.story import MoodCurve

log = logging.getLogger(__name__)

STEMS = ("dialogue", "music", "ambience", "effects")
DELIVERED = 3  # things done to deliver: film, sheets, page
MOST_PICTURES = 60  # of a film, on its page
MOST_TOLD = 12  # cues of which a note says what is wrong

# Of a film that stay with its sound; of a sound all.
_TAGS = frozenset("artist album album_artist composer genre track comment copyright date".split())
_NAMES = {  # of what lies beside the film, under its name; in a folder of its own under the second
    "json": (".cues.json", "cues.json"),
    "csv": (".cues.csv", "cues.csv"),
    "rights": (".music.csv", "music.csv"),
    "otio": (".otio", "timeline.otio"),
    "edl": (".edl", "timeline.edl"),
    "xml": (".xml", "timeline.xml"),
    "report": (".report.html", "report.html"),
}


@dataclass(frozen=True)
class OtherMix:
    """The mix on another of the film's tracks."""

    sound: Recording
    probes: Probes


@dataclass(frozen=True)
class Film:
    """The sound of a film before it is encoded, and the peaks [t] of what it is made of (`media.levels`)."""

    mix: Recording
    probes: Probes
    excerpts: tuple[Excerpt, ...]
    shapes: Mapping[str, NDArray[np.float32]]  # original, added, mix
    stems: Mapping[str, Recording] = field(default_factory=dict)  # where they are wanted
    others: Mapping[int, OtherMix] = field(default_factory=dict)  # by number of the track


@dataclass(frozen=True)
class Page:
    """What the page shows beside the score."""

    film: Film
    footage: Footage | None  # None: pictures are taken from the story
    maps: Mapping[str, Attention]  # by cue id


def check_targets(
    story: Path | None, out: Path, options: RenderOptions, tracks: Collection[int] | None = None
) -> dict[str, Path]:
    """Where everything goes, by kind; tells mistakes before any work is done.

    `tracks`: numbers of a film's sounds that are made anew; None: one of those that players choose. Raises OutputError,
    and MediaError for a story that can't be read.
    """
    is_sound = out.suffix.lower() in SOUND_SUFFIXES
    files = {"sound" if is_sound else "video": out} | sheets_of(out, options.report)
    if options.stems:
        files |= {name: options.stems / f"{name}.wav" for name in STEMS} | {"stems": options.stems / "stems.otio"}
    for file in files.values():
        check_target(file, story)
    if not is_sound:
        check_film(story, out, tracks)
    elif story is not None and kind_of(story) in ("film", "sound"):
        for line in unheld(_enclosed_in(story, probe(story).duration_s, 0), out.suffix.lower(), SOUNDS):
            log.warning("%s: will be left out: %s", out, line)
    return files


def sheets_of(out: Path, report: Path | None = None) -> dict[str, Path]:
    """Where sheets and page go: into their own folder, or beside the film under its name."""
    if report:
        return {kind: report / name for kind, (_, name) in _NAMES.items()}
    return {kind: out.with_name(out.stem + ending) for kind, (ending, _) in _NAMES.items()}


def deliver(score: Score, page: Page, files: Mapping[str, Path], watch: Watch) -> tuple[Score, tuple[str, ...]]:
    """Writes everything: the score with what was measured on the sound as it decodes, and what to know of the film.

    Raises OutputError and MediaError; whatever happens, all files are there in the end or none is.
    """
    with together(files) as parts:
        watch.at(0, DELIVERED, "film")
        delivered = _write_sound(score, page.film, files, parts)
        score = replace(_judged(score, page.film, parts, delivered), loudness=_measured(score, delivered))
        watch.at(1, DELIVERED, "sheets")
        handoff = Handoff(score, picture=_shown(score, files), scored=files.get("video") or files["sound"])
        for name, stem in page.film.stems.items():
            about = f"{score.title}: {name}"
            write_wav(stem, parts[name], time_reference=handoff.time_reference, description=about)
        _write_sheets(score, handoff, files, parts)
        watch.at(2, DELIVERED, "page")
        _write_page(score, page, files, parts["report"])
        watch.at(DELIVERED, DELIVERED)
    left_out = (f"left out: {each}" for each in (*delivered.left_out, *delivered.lost))
    return score, (*left_out, *delivered.notes, *judged_notes(score))


def check_film(story: Path | None, out: Path, tracks: Collection[int] | None) -> None:
    """Says what of a film its new container can't hold. `tracks` as in `check_targets`.

    Raises OutputError where those are its pictures, or the story has none; MediaError.
    """
    kind = kind_of(story) if story is not None else "pictures"
    if story is not None and kind in ("text", "sound"):
        fault = f"is the name of a film, but {story.name} is a {kind}: a {kind} has no pictures"
        raise OutputError(out, fault, f"name it {', '.join(SOUND_SUFFIXES)}")
    if story is None or kind != "film":
        container_for(out, "h264")
        return
    info = probe(story)
    container_for(out, info.video.codec if info.video else "h264")
    made = {"video": {0}, "audio": set(original_tracks(info.streams) if tracks is None else tracks)}
    copied = [stream for stream in info.streams if stream.number not in made.get(stream.kind, ())]
    for each in (*unable(copied, out), *lost(story, out)):
        log.warning("%s: will be left out: %s", out, each)


def _write_sound(score: Score, film: Film, files: Mapping[str, Path], parts: Mapping[str, Path]) -> Delivered:
    """The film, or where that is wanted its sound alone."""
    ceiling = score.levels.ceiling_dbtp
    if "sound" in files:
        enclosed = _enclosed(score)
        sound = write_sound(film.mix, parts["sound"], enclosed, ceiling_dbtp=ceiling)
        return replace(_alone(sound), lost=tuple(unheld(enclosed, parts["sound"].suffix.lower(), SOUNDS)))
    if score.slideshow is not None:
        show = score.slideshow
        return _alone(
            render_slideshow(
                [still.path for still in show.stills],
                [still.end_s - still.start_s for still in show.stills],
                film.mix,
                parts["video"],
                size=(show.width, show.height),
                fps=score.fps,
                transition_s=show.transition_s,
                films=frozenset(number for number, still in enumerate(show.stills) if still.is_film),
                ceiling_dbtp=ceiling,
            )
        )
    assert score.story is not None
    own = score.track if probe(score.story.path).audio else None  # also where that is silent, or not wanted
    tracks = [ScoredTrack(film.mix, own), *(ScoredTrack(mix.sound, number) for number, mix in film.others.items())]
    return mux_film(score.story.path, tracks, parts["video"], ceiling_dbtp=ceiling)


def _enclosed(score: Score) -> Enclosed:
    """What stands beside the sound of a score."""
    own = Enclosed()
    if score.story is not None and _is_media(score):
        own = _enclosed_in(Path(score.story.path), score.duration_s, score.track)
    tags = {name: text for name, text in own.tags.items() if name.lower() != "title"}
    return replace(own, tags={"title": score.title} | tags)


def _enclosed_in(story: Path, end_s: float, track: int) -> Enclosed:
    """What stays of a film or a sound beside its sound."""
    own = enclosed_in(story, end_s, track)
    is_film = kind_of(story) == "film"
    return replace(own, tags={name: text for name, text in own.tags.items() if name in _TAGS or not is_film})


def _is_media(score: Score) -> bool:
    return score.story is not None and kind_of(Path(score.story.path)) in ("film", "sound")


def _alone(sound: DeliveredSound) -> Delivered:
    return Delivered((sound,), notes=(sound.note,) if sound.note else ())


def _measured(score: Score, delivered: Delivered) -> Loudness:
    return Loudness(lufs=delivered.lufs, dbtp=delivered.dbtp, ducking_db=score.ducking.ducking_db)


def _judged(score: Score, film: Film, parts: Mapping[str, Path], delivered: Delivered) -> Score:
    """The score with what is heard of each cue in the file as it decodes, on each track that was scored."""
    path = parts.get("video") or parts["sound"]
    if "video" not in parts or score.slideshow is not None:
        return replace(score, verdicts=judge(score, film.probes, FilmSound(path).read))
    gone = [each.stream.number for each in delivered.left_out if each.stream.kind == "audio"]

    def heard_on(on: Score, probes: Probes) -> tuple[Verdict, ...]:
        return judge(on, probes, FilmSound(path, on.track - sum(number < on.track for number in gone)).read)

    tracks = tuple(
        replace(track, verdicts=heard_on(score.on(track), film.others[track.number].probes)) for track in score.tracks
    )
    return replace(score, verdicts=heard_on(score, film.probes), tracks=tracks)


def judged_notes(score: Score) -> tuple[str, ...]:
    """What is wrong with cues, a line each; of many the first."""
    lines = fault_lines(score)
    more = len(lines) - MOST_TOLD
    return (*lines[:MOST_TOLD], *([f"{more} more cues have faults: `verdicts` in the sheet"] if more > 0 else []))


def _shown(score: Score, files: Mapping[str, Path]) -> Path | None:
    """The film that an editor sees: the story, or the one that is made of its pictures."""
    if score.slideshow is not None:
        return files.get("video")
    story = Path(score.story.path) if score.story else None
    return story if story and kind_of(story) == "film" else None


def _write_sheets(score: Score, handoff: Handoff, files: Mapping[str, Path], parts: Mapping[str, Path]) -> None:
    write_json(score, parts["json"])
    write_csv(score, parts["csv"], start_timecode=handoff.start_timecode)
    write_rights(score, parts["rights"], start_timecode=handoff.start_timecode)
    handoff.write_otio(parts["otio"])
    handoff.write_edl(parts["edl"])
    handoff.write_fcpxml(parts["xml"])
    if "stems" in files:
        handoff.write_otio(parts["stems"], {name: files[name] for name in STEMS})


def _write_page(score: Score, page: Page, files: Mapping[str, Path], out_html: Path) -> None:
    footage = page.footage
    if footage is not None:
        shown = [picture for own in footage.pictures for picture in own]
        thumbnails = list(zip(footage.times_s, shown, strict=True))
        moods = dict(footage.story.moods)
    else:
        thumbnails, moods = _pictures(score), {"scenes": _scene_moods(score)}
    write_report(
        score,
        out_html,
        thumbnails=thumbnails,
        waveforms=page.film.shapes,
        attention=page.maps,
        moods={**moods, "music": _music_moods(score)},
        excerpts=page.film.excerpts,
        video=files.get("video"),
        sheet=files["json"],
        out=files.get("video") or files["sound"],
    )


def _pictures(score: Score) -> list[tuple[float, NDArray[np.uint8]]]:
    """Pictures uint8 [h w 3] of the story's shots and when they are shown, few of a long film."""
    if score.slideshow is not None:
        stills = score.slideshow.stills
        return [
            ((still.start_s + still.end_s) / 2, _picture_of(still))
            for still in stills[:: -(-len(stills) // MOST_PICTURES)]
        ]
    shots = [shot for scene in score.scenes for shot in scene.shots]
    if score.story is None or not shots or kind_of(Path(score.story.path)) != "film":
        return []
    times_s = [(shot.start_s + shot.end_s) / 2 for shot in shots[:: -(-len(shots) // MOST_PICTURES)]]
    return key_pictures(score.story.path, times_s, max_side=SIDE_PX)


def _picture_of(still: Still) -> Pixels:
    """A picture, or the first of a film: uint8 [h w 3]."""
    if still.is_film:
        return next(iter_shown(still.path, one_thread=True)).rgb(SIDE_PX)
    return read_image(still.path, max_side=SIDE_PX)


def _scene_moods(score: Score) -> MoodCurve:
    """The mood of each scene, from its start to its end."""
    return tuple((t, s.mood.valence, s.mood.arousal) for s in score.scenes for t in (s.start_s, s.end_s))


@contextmanager
def together(files: Mapping[str, Path]) -> Iterator[dict[str, Path]]:
    """Temporary names for files that replace their targets all together at the end, or not at all.

    Raises OutputError that names the target.
    """
    parts: dict[str, Path] = {}
    made: dict[Path, int] = {}
    new_folders = [folder for folder in {path.parent for path in files.values()} if not folder.exists()]
    try:
        with ExitStack() as stack:
            parts.update({kind: stack.enter_context(atomic(path)) for kind, path in files.items()})
            yield parts
            made = {files[kind]: part.stat().st_ino for kind, part in parts.items()}
    except BaseException as error:
        for path, inode in made.items():  # of those that stand in their places already
            with suppress(OSError):
                if path.stat().st_ino == inode:
                    path.unlink()
        for folder in new_folders:
            with suppress(OSError):
                folder.rmdir()
        target = {str(part): files[kind] for kind, part in parts.items()}
        if isinstance(error, OutputError) and error.path in target:
            raise OutputError(target[error.path], error.fault, error.do) from error
        raise


def _music_moods(score: Score) -> MoodCurve:
    """The mood of the music that is laid, over time; where beds cross, the next one's from the middle on."""
    beds = sorted((cue for cue in score.audible if cue.layer == "music"), key=lambda cue: cue.start_s)
    edges = [[cue.meant.start_s, cue.meant.end_s] for cue in beds]
    for before, after in pairwise(edges):
        if after[0] < before[1]:
            before[1] = after[0] = (before[1] + after[0]) / 2
    moods = [cue.sound.mood for cue in beds]
    return tuple((at_s, m.valence, m.arousal) for own, m in zip(edges, moods, strict=True) for at_s in own)
