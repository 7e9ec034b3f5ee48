"""Cues on the grid of the pictures: the clips that an editing program gets of them, and the tracks those lie on."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from storysound.cue.handoff.timecode import frame_of
from storysound.cue.score import Cue


@dataclass(frozen=True)
class Segment:
    """A piece of a cue as a clip: in the film's frames [first, first + frames), from frame `source` of its sound on.

    Edges are whole frames, as programs place them; `source` may lie between two, so that what sounds is in its place
    to the sample. Only a sound that is used from its very beginning comes up to a frame early.
    """

    cue: Cue
    piece: int  # of the cue's pieces
    first: int
    frames: int
    source: float
    dissolve: int = 0  # frames to either side of `first` in which the piece before gives way to it

    @property
    def end(self) -> int:
        """The first frame after it."""
        return self.first + self.frames


def segments(cue: Cue, fps: float) -> list[Segment]:
    """The clips of a cue, one a piece; neighbours meet in the middle of their crossfade."""
    edges = [frame_of(cue.start_s, fps)]
    for before, after in pairwise(cue.pieces):
        edges.append(max(edges[-1] + 1, round((before.end_s + after.at_s) / 2 * fps)))
    edges.append(max(edges[-1] + 1, frame_of(cue.end_s, fps)))
    made: list[Segment] = []
    for index, piece in enumerate(cue.pieces):
        first, frames = edges[index], edges[index + 1] - edges[index]
        source = max(0.0, round((piece.in_s - piece.at_s) * fps + first, 4))
        dissolve = 0
        if index:
            length = round((cue.pieces[index - 1].end_s - piece.at_s) / 2 * fps)
            left = cue.sound.duration_s * fps - made[-1].source - made[-1].frames  # of the sound, after its clip
            dissolve = max(0, min(max(1, length), int(left), int(source), made[-1].frames // 2, frames // 2))
        made.append(Segment(cue, index, first, frames, source, dissolve))
    return made


def lanes(cues: Sequence[Cue], fps: float) -> list[list[list[Segment]]]:
    """Cues dealt to as few tracks as possible such that none overlap on a track: tracks of cues of segments."""
    tracks: list[list[list[Segment]]] = []
    for clips in sorted((segments(cue, fps) for cue in cues), key=lambda c: (c[0].first, c[-1].end)):
        free = next((track for track in tracks if track[-1][-1].end <= clips[0].first), None)
        if free is None:
            tracks.append([clips])
        else:
            free.append(clips)
    return tracks
