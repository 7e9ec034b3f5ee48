"""Music in clips of up to ten seconds, by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storysound.ingest.music_clips import ClipConfig, rated_clips
from storysound.story import Mood

CALM, WILD = Mood(0.5, 0.25), Mood(0.5, 0.75)


def spans(*args: object, **kwargs: int) -> list[tuple[float, float]]:
    return [(c.span.start_s, c.span.end_s) for c in rated_clips(*args, ClipConfig(**kwargs))]  # type: ignore[arg-type]


def test_every_piece_begins_a_clip_of_up_to_five() -> None:
    assert spans([(None, CALM)], 14.9) == [(0, 10), (2, 12), (4, 14), (6, 14), (8, 14), (10, 14), (12, 14)]
    assert spans([(None, CALM)], 14.9, joined=1, every=3) == [(0, 2), (6, 8), (12, 14)]
    assert spans([(None, CALM)], 20.0, every=5) == [(0, 10), (10, 20)]
    assert spans([(None, CALM)], 1.2) == [(0, 1.2)]
    assert spans([(None, CALM)], 0.0) == []


def test_moments_without_ratings_are_in_no_clip_and_a_clip_feels_like_its_pieces() -> None:
    rated = [(float(s), CALM if s < 18 else WILD) for s in (15, 16, 17, 18, 19, 22, 23)]
    found = list(rated_clips([(None, WILD), *rated], 30.0))
    assert [(c.span.start_s, c.span.end_s) for c in found] == [(14, 20), (16, 20), (18, 20), (22, 24)]
    assert [round(c.mood.arousal, 4) for c in found] == [round((0.25 + 0.25 + 0.75) / 3, 4), 0.5, 0.75, 0.75]


@given(st.floats(0.1, 60), st.integers(1, 6), st.integers(1, 6))
def test_clips_stay_in_the_track_and_no_longer_than_may_be(duration_s: float, joined: int, every: int) -> None:
    for clip in rated_clips([(None, CALM)], duration_s, ClipConfig(joined=joined, every=every)):
        assert 0 < clip.span.duration_s <= 2 * joined + 1e-9
        assert clip.span.end_s <= duration_s
        assert clip.mood == CALM


def test_senseless_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="joined >= 1"):
        ClipConfig(joined=0)
