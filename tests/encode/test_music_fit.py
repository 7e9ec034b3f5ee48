"""How probable it is that music fits a mood: the nearer the more, and of composed music something in between."""

import numpy as np
import pytest

from storysound.encode import music_fit
from storysound.story import Mood


def test_what_is_farther_off_fits_less_on_both_axes_and_sides() -> None:
    wanted = Mood(0.5, 0.5)
    for axis in ("valence", "arousal"):
        for side in (-1, 1):
            at = [{"valence": 0.5, "arousal": 0.5} | {axis: 0.5 + side * off} for off in (0.0, 0.15, 0.3, 0.5)]
            fits = [music_fit.probability(wanted, Mood(**each)) for each in at]
            assert fits == sorted(fits, reverse=True)
            assert fits[0] > 0.5
    assert music_fit.probability(Mood(0, 0), Mood(1, 1)) < 0.1


def test_a_mood_that_is_read_from_a_story_says_less_than_its_odds_alone() -> None:
    slope, intercept = music_fit.numbers("music_story")["log_odds"]
    assert 0 < slope < 1
    assert intercept < 0
    v, a, sign, one = music_fit.numbers()["track"]
    alone = v * 0.2 + a * 0.3 + sign * 0.3 + one
    want = 1 / (1 + np.exp(-(slope * alone + intercept)))
    assert music_fit.probability(Mood(0.5, 0.5), Mood(0.3, 0.8)) == pytest.approx(want)


def test_composed_music_fits_no_better_than_what_meets_its_mood_exactly() -> None:
    for valence, arousal in np.random.default_rng(0).random((200, 2)).tolist():
        mood = Mood(valence, arousal)
        assert 0.1 < music_fit.of_composed(mood) < music_fit.probability(mood, mood)


@pytest.mark.parametrize(
    ("mood", "words"),
    [((0.2, 0.2), "calm and dark"), ((0.9, 0.9), "lively and bright"), ((0.5, 0.2), "calm"), ((0.45, 0.55), "neutral")],
)
def test_moods_have_words(mood: tuple[float, float], words: str) -> None:
    assert music_fit.named(Mood(*mood)) == words
