"""What the user should know of a score."""

from storysound.cue.mix import Mix
from storysound.cue.score import Score
from storysound.draw.shapes import times_of
from storysound.jobs.score.choice import allows_commerce
from storysound.story import Story

LIMITED_DB = 3.0  # peaks lowered by more are told


def notes_of(score: Score, story: Story, mixed: Mix, *, wants_music: bool) -> tuple[str, ...]:
    """A line each."""
    notes = [*story.faults, *([score.stepped_aside] if score.stepped_aside else [])]
    if not score.stepped_aside:
        if wants_music and not any(cue.layer == "music" for cue in score.cues):
            notes.append("no music was added: the library has none that may be used")
        if wants_music and score.own_music:
            places = ", ".join(times_of(span) for span in score.own_music)
            notes.append(f"the clip has music of its own at {places}: none is laid there")
        notes += _licences(score)
    if mixed.limited_db > LIMITED_DB:
        notes.append(f"peaks had to be lowered by up to {mixed.limited_db:.1f} dB to reach the loudness")
    return tuple(notes)


def _licences(score: Score) -> list[str]:
    sounds = {cue.sound.path: cue.sound for cue in score.cues}.values()
    unknown = sorted(sound.path for sound in sounds if not sound.source.licence.strip())
    not_sold = sorted(s.path for s in sounds if s.source.licence.strip() and not allows_commerce(s.source.licence))
    notes = [f"states no licence: {', '.join(unknown)}"] if unknown else []
    return notes + ([f"not for commercial use: {', '.join(not_sold)}"] if not_sold else [])
