"""What the user should know of a score."""

from storysound.cue.score import Score
from storysound.draw.shapes import times_of
from storysound.jobs.score.choice import allows_commerce
from storysound.jobs.score.deliver import Mix
from storysound.story import Story

LIMITED_DB = 3.0  # peaks lowered by more are told
SHORT_LU = 0.3  # loudness missing by more is told


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
    if mixed.mastered.limited_db > LIMITED_DB:
        notes.append(f"peaks had to be lowered by up to {mixed.mastered.limited_db:.1f} dB to reach the loudness")
    if mixed.mastered.shortfall_lu > SHORT_LU:
        short = f"{mixed.mastered.shortfall_lu:.1f} LU below the loudness asked for"
        notes.append(f"the mix stays {short}: louder, its peaks would have to be cut")
    return tuple(notes)


def _licences(score: Score) -> list[str]:
    sounds = {cue.sound.path: cue.sound for cue in score.cues}.values()
    unknown = sorted(sound.path for sound in sounds if not sound.source.licence.strip())
    not_sold = sorted(s.path for s in sounds if s.source.licence.strip() and not allows_commerce(s.source.licence))
    notes = [f"states no licence: {', '.join(unknown)}"] if unknown else []
    return notes + ([f"not for commercial use: {', '.join(not_sold)}"] if not_sold else [])
