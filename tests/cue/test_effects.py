"""Which effects are worth adding."""

from dataclasses import replace

from storysound.cue.effects import EffectOffer, pick_effects
from storysound.story import Span


def test_effects_are_few_where_the_clip_has_its_own_sound() -> None:
    shots = [Span(5 * i, 5 * i + 5) for i in range(6)]
    offers = [EffectOffer(i, i, 0.6 + 0.05 * i, long=False) for i in range(6)]
    offers += [EffectOffer(i, 10, 0.9, long=True) for i in range(6)]
    alone = pick_effects(offers, shots, [False] * 6, sure=0.5, surer=0.8)
    under = pick_effects(offers, shots, [True] * 6, sure=0.5, surer=0.8)
    assert sum(o.long for o in alone) == 6
    assert sum(not o.long for o in alone) == 6
    assert [(o.shot, o.long) for o in under] == [(5, False)]


def test_a_spot_sound_plays_once_and_unsure_ones_never() -> None:
    shots = [Span(0, 5), Span(5, 10), Span(10, 15)]
    offers = [EffectOffer(0, 7, 0.9, False), EffectOffer(2, 7, 0.8, False), EffectOffer(1, 8, 0.3, False)]
    assert pick_effects(offers, shots, [False] * 3, sure=0.5, surer=0.8) == [offers[0]]


def test_a_spot_says_nothing_that_the_ambience_says() -> None:
    """Waves under waves are heard as a mistake, however well they fit; a gull over them is not."""
    waves = EffectOffer(0, 0, 0.6, long=True, heard="Waves, surf")
    wave, gull = EffectOffer(0, 1, 0.9, long=False, heard="Waves, surf"), EffectOffer(0, 2, 0.7, False, "Gull")
    strange = EffectOffer(0, 3, 0.7, long=False)
    for more, taken in (([wave], [waves]), ([wave, gull], [waves, gull]), ([strange], [waves, strange])):
        assert pick_effects([waves, *more], [Span(0, 5)], [False], sure=0.5, surer=0.8) == taken
    assert pick_effects([replace(waves, heard=""), strange], [Span(0, 5)], [False], sure=0.5, surer=0.8)[1:] == [
        strange
    ]
