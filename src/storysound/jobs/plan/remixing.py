"""Music as long as its cue: jumps from bar to bar in place of loops and trimming, with the track's own ending."""

from storysound.cue.fit import Fit
from storysound.cue.remix.path import NoWayError
from storysound.cue.remix.remix import Remixer

SHORTEST_S = 16.0  # of a cue with a beginning and an ending: of less, one is over when the other begins


def remixed(remixer: Remixer, length_s: float, *, at_s: float, hint_s: float) -> tuple[Fit | None, str]:
    """The pieces of a track that cover [at_s, at_s + length_s), but for at the most a beat of silence at the end.

    `hint_s`: where in the track it should begin, 0: where it begins. None where that can't be, and why, for a cue of
    that length.
    """
    if length_s < SHORTEST_S:
        return None, ""
    lasts_s = remixer.lasts_s
    try:
        made = remixer.remix(length_s, at_s=at_s, hint_s=hint_s if hint_s > 0 and length_s < lasts_s else None)
    except NoWayError as error:
        return None, f"looped, for it {error}" if length_s > lasts_s else ""
    return made.fit, ""
