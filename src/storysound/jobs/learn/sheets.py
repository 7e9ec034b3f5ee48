"""What a cue sheet says its owner chose: the music that stayed, was swapped in or out, locked, or banned."""

from collections.abc import Iterator, Mapping

from storysound.cue.score import Cue, Scene, Score
from storysound.library.tastes import Choice, How
from storysound.story import Sound, Span

UNDER = 0.5  # share of a scene, or of the cue, from which on a cue belongs to it


def choices_in(score: Score, film: str, tracks: Mapping[str, Sound]) -> Iterator[Choice]:
    """The choices of a sheet, of `tracks` by the sha256 of their content; music that is none of them is left out."""
    swapped: set[str] = set()
    for edit in score.edits:
        after = {cue.id: cue for cue in edit.after}
        for cue in edit.before:
            other = after.get(cue.id)
            if _is_music(cue) and other is not None and _content(other) != _content(cue):
                swapped.add(cue.id)
                yield from _under(score, cue, film, tracks, "replaced")
    for cue in score.audible:
        # What was planned and never worked on is the choice of nobody.
        if _is_music(cue) and (score.edits or cue.locked):
            how: How = "locked" if cue.locked else "chosen" if cue.id in swapped else "kept"
            yield from _under(score, cue, film, tracks, how)
    banned = [sound for sound in tracks.values() if sound.path in score.bans and sound.kind == "music"]
    for scene in score.scenes:
        for sound in banned:
            yield choice(scene, film, sound, "banned")


def choice(scene: Scene, film: str, sound: Sound, how: How) -> Choice:
    """That a sound was chosen, or refused, for a scene."""
    mood = scene.mood
    return Choice(
        film, scene.start_s, scene.end_s, scene.text, mood.valence, mood.arousal, sound.path, sound.source.sha256, how
    )


def music_of(score: Score) -> list[Cue]:
    """Its cues of music that were found, not composed."""
    return [cue for cue in score.cues if _is_music(cue)]


def _is_music(cue: Cue) -> bool:
    return cue.layer == "music" and cue.composed is None


def _content(cue: Cue) -> str:
    return cue.sound.source.sha256 or cue.sound.path


def _under(score: Score, cue: Cue, film: str, tracks: Mapping[str, Sound], how: How) -> Iterator[Choice]:
    sound = tracks.get(cue.sound.source.sha256)
    if sound is None:
        return
    span = Span(cue.start_s, cue.end_s)
    for scene in score.scenes:
        own = Span(scene.start_s, scene.end_s)
        if own.overlap_s(span) >= UNDER * min(own.duration_s, span.duration_s):
            yield choice(scene, film, sound, how)
