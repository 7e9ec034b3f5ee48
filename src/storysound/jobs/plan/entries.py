"""How each stretch of music comes in, by what played before: on a beat of that, and a theme goes on where it left."""

from dataclasses import dataclass, field, replace

from storysound.cue.exits import NOTHING, story_beats_s, turn_on_beat
from storysound.cue.remix.arc import Arc
from storysound.cue.score import Cue
from storysound.draw.shapes import clock
from storysound.jobs.plan.choice import Draft
from storysound.match.query import Hit
from storysound.media.arrays import Doubles


@dataclass
class Entries:
    """What has played so far, cue by cue in order of time."""

    left_s: dict[str, float] = field(default_factory=dict)  # where in each track its last cue ended
    beats_s: Doubles = field(default_factory=lambda: NOTHING)  # of the music that plays, in seconds of the story
    bars_s: Doubles = field(default_factory=lambda: NOTHING)  # likewise

    def offered(self, draft: Draft, hit: Hit) -> Hit:
        """The hit with where in its track to begin.

        A track that played before goes on from there where enough of it is left, else begins again; the first of a
        story begins with a beginning.
        """
        if draft.layer != "music":
            return hit
        left_s = self.left_s.get(hit.sound.path)
        if left_s is None:
            return replace(hit, start_s=0.0) if draft.start_s <= 0 else hit
        if hit.sound.duration_s - left_s >= draft.end_s - draft.start_s:
            return replace(hit, start_s=left_s, why=(*hit.why, f"returns and goes on at {clock(left_s)}"))
        return replace(hit, start_s=0.0, why=(*hit.why, "returns from its beginning"))

    def arc(self, draft: Draft, hit: Hit) -> Arc | None:
        """The arc that a track goes along with; one that played before goes on as it did."""
        return None if hit.sound.path in self.left_s else draft.arc

    def turn_s(self, draft: Draft) -> float | None:
        """Where the music of a draft takes over: on a bar of what played before, or a beat, if one is near."""
        return None if draft.turn_s is None else turn_on_beat(draft.turn_s, self.beats_s, self.bars_s)

    def add(self, cue: Cue, beats_s: Doubles, bars_s: Doubles = NOTHING) -> None:
        """A cue that was laid; `beats_s` [n] and `bars_s` [b] of its track, in seconds of that."""
        if cue.layer == "music":
            self.left_s[cue.sound.path] = cue.pieces[-1].out_s
            self.beats_s, self.bars_s = (story_beats_s(cue.pieces, times_s) for times_s in (beats_s, bars_s))
