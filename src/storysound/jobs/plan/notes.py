"""What the user should know of a plan."""

from storysound.cue.licences import allows_commerce
from storysound.cue.score import SILENT, Score
from storysound.draw.shapes import times_of
from storysound.story import Story


def notes_of(score: Score, story: Story) -> tuple[str, ...]:
    """A line each."""
    notes = [*story.faults, *([score.stepped_aside] if score.stepped_aside else [])]
    if not score.stepped_aside:
        rests = score.scenes and all(scene.theme == SILENT for scene in score.scenes)
        if score.wishes.music and not rests and not any(cue.layer == "music" for cue in score.cues):
            notes.append("no music was added: the library has none that may be used")
        if score.wishes.music and score.own_music:
            places = ", ".join(times_of(span) for span in score.own_music)
            notes.append(f"the clip has music of its own at {places}: none is laid there")
        music = [cue.meant for cue in score.cues if cue.layer == "music"]
        unheard = [hit for hit in score.wishes.hits if not any(m.start_s <= hit.at_s < m.end_s for m in music)]
        notes += [f"no music plays at {hit.at_s:.2f} s: nothing marks that moment" for hit in unheard]
        notes += _licences(score)
    return tuple(notes)


def _licences(score: Score) -> list[str]:
    sounds = {cue.sound.path: cue.sound for cue in score.cues}.values()
    unknown = sorted(sound.path for sound in sounds if not sound.source.licence.strip())
    not_sold = sorted(s.path for s in sounds if s.source.licence.strip() and not allows_commerce(s.source.licence))
    notes = [f"states no licence: {', '.join(unknown)}"] if unknown else []
    return notes + ([f"not for commercial use: {', '.join(not_sold)}"] if not_sold else [])
