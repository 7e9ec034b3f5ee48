"""Music as long as its cue: jumps from bar to bar in place of loops and trimming, with the track's own ending."""

from collections.abc import Sequence
from dataclasses import replace

from storysound.cue.fit import Fit
from storysound.cue.remix.path import NoWayError
from storysound.cue.remix.remix import Remixer
from storysound.cue.score import Scene
from storysound.jobs.plan.choice import Draft

SHORTEST_S = 16.0  # of a cue with a beginning and an ending: of less, one is over when the other begins
TURN_S = 4.0  # from the ends of music a scene's edge lies so far or more, to be a turn of it
TURN_WORTH = 2.0  # of the strongest turn on a scene's edge: about as much as two good jumps cost


def with_turns(drafts: Sequence[Draft], scenes: Sequence[Scene]) -> list[Draft]:
    """Drafts of music with the edges of scenes under them: something new may begin there."""
    return [
        replace(draft, scene_starts_s=_turns(draft, scenes)) if draft.layer == "music" else draft for draft in drafts
    ]


def _turns(draft: Draft, scenes: Sequence[Scene]) -> tuple[float, ...]:
    low, high = draft.start_s + TURN_S, draft.end_s - TURN_S
    return tuple(scene.start_s for scene in scenes if low <= scene.start_s <= high)


def remixed(
    remixer: Remixer, length_s: float, *, at_s: float, hint_s: float, turns_s: Sequence[float] = ()
) -> tuple[Fit | None, str]:
    """The pieces of a track that cover [at_s, at_s + length_s), but for at the most a beat of silence at the end.

    `hint_s`: where in the track it should begin, 0: where it begins. `turns_s`: times of the story at which something
    new may begin. None where that can't be, and why, where another way is heard.
    """
    if length_s < SHORTEST_S:
        return None, ""
    lasts_s = remixer.lasts_s
    try:
        hint = hint_s if hint_s > 0 and length_s < lasts_s else None
        made = remixer.remix(length_s, at_s=at_s, hits_s=turns_s, hint_s=hint, hit_worth=TURN_WORTH)
    except NoWayError as error:
        return None, f"looped, for it {error}" if length_s > lasts_s else ""
    return made.fit, ""
