"""Music composed for scenes of a film: from a brief to a sound beside the sheet, and the cue that plays it.

Each scene is a file of its own, which rings out over the next scene: together they are the piece, and one that is
composed anew leaves the sound of all others as it is, bit for bit.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from storysound.compose.compose import Means, Place, Surroundings, compose_scene
from storysound.compose.notes import Composition, Part
from storysound.compose.sounding import CEILING_DBTP, EARLY_S, FONT, GAIN_DB, RATE_HZ, Players
from storysound.compose.spotting import Hit
from storysound.compose.spotting import Scene as SpottedScene
from storysound.cue.licences import allows_commerce
from storysound.cue.mix import layer_lufs
from storysound.cue.score import Cue, MusicBrief, MusicHit, Piece, Score, Slideshow
from storysound.cue.score import Scene as FilmScene
from storysound.encode import mood, music_fit
from storysound.encode.pool import Models
from storysound.errors import UsageError
from storysound.jobs.plan.filling import made_beside
from storysound.media.arrays import Doubles, Samples
from storysound.media.content import sha256_of
from storysound.media.expression import expression, stretch
from storysound.media.film.enclosed import Enclosed
from storysound.media.film.sound_files import write_sound
from storysound.media.recording import Recording, record_audio
from storysound.progress import Watch
from storysound.story import Sound, Source, Span

TAIL_S = 8.0  # for which a scene rings out over the next one, at most
SILENT = 1e-4  # what is softer is over: 80 dB below full scale, under the music that goes on
CUT_S = 0.02  # fade there


@dataclass(frozen=True)
class FilmTimes:
    """What music has to fit in a film, in seconds of it."""

    duration_s: float
    cuts_s: tuple[float, ...] = ()
    speech: tuple[Span, ...] = ()


def film_times(
    duration_s: float, scenes: Sequence[FilmScene], slideshow: Slideshow | None, speech: Sequence[Span]
) -> FilmTimes:
    """Cuts between the shots of scenes, or between the pictures of a slideshow; as exact as a sheet holds them."""
    stills = [still.start_s for still in slideshow.stills] if slideshow else []
    starts = {round(start_s, 6) for start_s in (*stills, *(shot.start_s for scene in scenes for shot in scene.shots))}
    spoken = tuple(Span(round(span.start_s, 6), round(span.end_s, 6)) for span in speech)
    return FilmTimes(round(duration_s, 6), tuple(sorted(start for start in starts if start > 0)), spoken)


def times_of(score: Score) -> FilmTimes:
    """Those of a score."""
    return film_times(score.duration_s, score.scenes, score.slideshow, score.speech)


class Composer:
    """Composes scenes, and plays them into files beside a sheet: the same brief gets the same file."""

    def __init__(self, sheet: Path, models: Models, *, commercial: bool = False) -> None:
        """`commercial`: what is made must be sold. Raises MissingModelError without the font, UsageError."""
        self._font, self._revision = models.weights.path(FONT), models.weights.revision(FONT)
        entry = models.weights.entries[FONT]
        self._licence = entry.licence
        self._credit = f"Storysound, who composed it; played with {entry.credit}"
        if commercial and not allows_commerce(self._licence):
            raise UsageError(f"music played with this font may not be sold ({self._licence})", field="compose")
        self._folder = made_beside(sheet).absolute()
        self._players: Players | None = None

    def cue(self, cue_id: str, brief: MusicBrief, film: FilmTimes, watch: Watch, avoid: Collection[str] = ()) -> Cue:
        """The cue of a brief, at the level the music was composed at.

        A sound to `avoid` gives way to that of the next seed. Raises UsageError for an unknown ensemble or style,
        OutputError, MediaError for a font that can't be played.
        """
        music, origin_s = _scene_music(brief, film)
        file = self._folder / self._name(brief, music)
        path = f"{self._folder.name}/{file.name}"
        if path in avoid:
            return self.cue(cue_id, replace(brief, seed=brief.seed + 1), film, watch, avoid)
        recording = record_audio(file) if file.is_file() else self._played(music, brief, file, watch)
        start_s = brief.piece.start_s + origin_s
        end_s = min(start_s + recording.duration_s, film.duration_s)
        level = layer_lufs(recording.cut().samples, "music")
        sound = replace(self._sound(brief, music, file, path), duration_s=recording.duration_s, loudness_lufs=level)
        heard = mood.of_music(expression(stretch(recording.cut())))
        fit = round(music_fit.probability(brief.mood, heard), 3)
        return Cue(
            cue_id,
            "music",
            start_s,
            end_s,
            sound,
            (Piece(0.0, end_s - start_s, start_s),),
            0.0,
            0.0,
            min(CUT_S, end_s - start_s),
            fit,
            (*_reasons(brief, music), f"fits {music_fit.named(brief.mood)} with {fit:.2f}, as it is heard"),
            level_lufs=level,
            composed=brief,
        )

    def _sound(self, brief: MusicBrief, music: Composition, file: Path, path: str) -> Sound:
        source = Source(file.as_uri(), sha256_of(file), self._licence, self._credit)
        return Sound(
            path,
            str(self._folder.parent),
            music.length_s,
            "music",
            _title(brief),
            (brief.ensemble,),
            tempo_bpm=_bpm(music),
            key=music.keys[0].name,
            mood=brief.mood,
            source=source,
        )

    def _name(self, brief: MusicBrief, music: Composition) -> str:
        """Named by all that is heard: the notes, who plays them, the font."""
        heard = (music.parts, music.length_s, self._revision, RATE_HZ, GAIN_DB)
        return f"{brief.ensemble}-{hashlib.sha256(repr(heard).encode()).hexdigest()[:12]}.flac"

    def _played(self, music: Composition, brief: MusicBrief, file: Path, watch: Watch) -> Recording:
        self._players = self._players or Players(self._font)
        whole = self._players.played(music, music.parts, watch)
        if brief.number < brief.piece.scenes - 1:
            whole = whole.part(0, _last_heard(whole) + 1)
        said = f"{brief.ensemble}, seed {brief.piece.seed}, of the scene {brief.seed}; by {self._credit}"
        file.parent.mkdir(parents=True, exist_ok=True)
        tags = {"title": _title(brief), "comment": said, "copyright": f"licence of the font: {self._licence}"}
        write_sound(whole, file, Enclosed(tags), ceiling_dbtp=CEILING_DBTP)
        return record_audio(file)


def _scene_music(brief: MusicBrief, film: FilmTimes) -> tuple[Composition, float]:
    """The notes of a brief from the file's beginning on, and when in the piece that is.

    The composition is as long as the file may be.
    """
    piece, music = brief.piece, _composed(brief, film)
    start_s, end_s = (round(time_s - piece.start_s, 6) for time_s in (brief.start_s, brief.end_s))
    length_s = round(piece.end_s - piece.start_s, 6)
    origin_s = int(max(0.0, start_s - EARLY_S) * RATE_HZ) / RATE_HZ  # on a sample, so that scenes add up to the piece
    until_s = length_s if brief.number == piece.scenes - 1 else end_s + TAIL_S
    parts = tuple(_earlier(part, origin_s) for part in music.parts)
    return replace(music, parts=parts, length_s=round(until_s - origin_s, 6), bars=()), origin_s


def pulse_of(brief: MusicBrief, film: FilmTimes) -> tuple[Doubles, Doubles]:
    """Beats [n] and bar lines [b] of what a brief is composed to, in seconds of the film."""
    music, start_s = _composed(brief, film), brief.piece.start_s
    return np.array(music.beats_s()) + start_s, np.array([bar.start_s for bar in music.bars]) + start_s


def _composed(brief: MusicBrief, film: FilmTimes) -> Composition:
    """The notes of a brief, in seconds of its piece."""
    piece = brief.piece
    start_s, end_s = (round(time_s - piece.start_s, 6) for time_s in (brief.start_s, brief.end_s))
    scene = SpottedScene(start_s, end_s, brief.mood, brief.theme, brief.ensemble, brief.seed, brief.style)
    place = Place(brief.number, piece.scenes, round(piece.end_s - piece.start_s, 6))
    return compose_scene(scene, place, _around(brief, film), piece.seed, Means())


def _around(brief: MusicBrief, film: FilmTimes) -> Surroundings:
    """What a scene has to fit, in seconds of its piece; of the whole film only what touches it."""
    cuts = tuple(cut_s for cut_s in film.cuts_s if brief.start_s < cut_s < brief.end_s)
    spoken = tuple(span for span in film.speech if span.start_s < brief.end_s and span.end_s > brief.start_s)
    return surroundings(brief.piece.start_s, brief.piece.end_s, FilmTimes(film.duration_s, cuts, spoken), brief.hits)


def surroundings(start_s: float, end_s: float, film: FilmTimes, hits: Sequence[MusicHit] = ()) -> Surroundings:
    """What a piece from `start_s` to `end_s` of a film has to fit, in seconds of the piece."""
    marks = tuple(Hit(round(hit.at_s - start_s, 6), hit.mark) for hit in hits if start_s <= hit.at_s < end_s)
    cuts = tuple(round(cut_s - start_s, 6) for cut_s in film.cuts_s if start_s < cut_s < end_s)
    spoken = (
        Span(round(max(0.0, span.start_s - start_s), 6), round(span.end_s - start_s, 6))
        for span in film.speech
        if span.start_s < end_s and span.end_s > start_s
    )
    return Surroundings(cuts, tuple(spoken), marks)


def _earlier(part: Part, by_s: float) -> Part:
    return replace(part, notes=tuple(replace(n, start_s=max(0.0, round(n.start_s - by_s, 6))) for n in part.notes))


def _last_heard(sound: Recording) -> int:
    """The last sample that is no silence; the first where there is none."""
    last = 0
    for start, block in sound.blocks():
        last = max(last, _last_in(block, start))
    return last


def _last_in(block: Samples, start: int) -> int:
    """The last sample of a block [c n] that is no silence, counted from before the block."""
    heard = np.flatnonzero((np.abs(block) > SILENT).any(axis=0))
    return start + int(heard[-1]) if heard.size else 0


def _bpm(music: Composition) -> float:
    """The tempo of most of the scene."""
    ends = [*(tempo.start_s for tempo in music.tempi[1:]), music.ends_s]
    longest = max(range(len(ends)), key=lambda i: ends[i] - music.tempi[i].start_s)
    return round(music.tempi[longest].bpm, 1)


def _title(brief: MusicBrief) -> str:
    return f"Scene {brief.number + 1} of {brief.piece.scenes}, {brief.ensemble}"


def _reasons(brief: MusicBrief, music: Composition) -> tuple[str, ...]:
    mood, piece = brief.mood, brief.piece
    place = f"scene {brief.number + 1} of {piece.scenes}" if piece.scenes > 1 else "the whole"
    style = f" ({brief.style})" if brief.style else ""
    lines = [
        f"composed for {place}: valence {mood.valence:.2f}, arousal {mood.arousal:.2f}",
        f"{brief.ensemble}{style} in {music.keys[0].name}, {_bpm(music):.0f} beats a minute, "
        f"{'ends' if brief.number == piece.scenes - 1 else 'turns'} at {brief.end_s:.1f} s",
    ]
    lines += [f"motif of {brief.theme}"] if brief.theme else []
    ends_s = piece.start_s + music.ends_s
    for hit in brief.hits:
        met = hit.at_s < ends_s
        lines.append(f"hit at {hit.at_s:.2f} s: " + (hit.mark if met else "under the final chord, nothing marks it"))
    return tuple(lines)
