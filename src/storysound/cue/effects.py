"""Which sound effects are worth adding. Pure; knows no media and no models."""

from collections.abc import Sequence
from dataclasses import dataclass

from storysound.story import Span


@dataclass(frozen=True)
class EffectOffer:
    """A sound effect that could go under a shot."""

    shot: int
    sound: int  # index into the caller's list of sounds
    score: float  # how well it fits what is seen; same scale as `pick_effects`' thresholds
    long: bool  # long and steady enough to lie under the whole shot (ambience), else it plays once (spot)
    heard: str = ""  # what is heard in it; "" where nobody says


def pick_effects(
    offers: Sequence[EffectOffer],
    shots: Sequence[Span],
    audible: Sequence[bool],
    *,
    sure: float,
    surer: float,
    spacing_s: float = 4.0,
) -> list[EffectOffer]:
    """The effects worth adding: per shot at most one ambience and one spot, best first.

    `audible` per shot: the clip's own sound is kept and heard there. Such a shot gets no ambience (it has its own)
    and a spot only from a score of `surer` on, and `3 * spacing_s` away from the next; others need `sure` and
    `spacing_s`. An ambience may repeat from shot to shot; a spot sound plays once in the story, and not over ambience
    in which the same is heard.
    """
    taken: list[EffectOffer] = []
    for offer in sorted(offers, key=lambda o: (not o.long, -o.score, o.shot, o.sound)):
        quiet = not audible[offer.shot]
        if offer.score < (sure if quiet else surer) or (offer.long and not quiet):
            continue
        beside = [t for t in taken if t.shot == offer.shot]
        if any(t.long == offer.long or t.heard == offer.heard != "" for t in beside):
            continue
        gap = spacing_s if quiet else 3 * spacing_s
        spots = [t for t in taken if not t.long]
        if not offer.long and any(
            t.sound == offer.sound or abs(shots[t.shot].start_s - shots[offer.shot].start_s) < gap for t in spots
        ):
            continue
        taken.append(offer)
    return sorted(taken, key=lambda o: (o.shot, not o.long))
