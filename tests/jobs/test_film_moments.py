"""The moments of a film that are compared on its page: where speech and music meet, taken down as they are mixed."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from storysound.cue.mix import Stems
from storysound.cue.score import Cue, Piece, Score
from storysound.jobs.render.moments import LENGTH_S, Excerpts, moments
from storysound.media.arrays import RATE_HZ
from storysound.story import Sound, Span


def film(seconds: float, cues: Sequence[tuple[str, float, float]], speech: Sequence[Span] = ()) -> Score:
    sound = Sound("a.wav", "/library", 9000.0, "music")
    made = tuple(
        Cue(name, "music", start, end, sound, (Piece(0.0, end - start, start),), 0.0, 0.1, 0.1, 1.0)
        for name, start, end in cues
    )
    return Score("film", seconds, 25.0, (), made, tuple(speech))


def test_speech_over_music_is_most_telling() -> None:
    score = film(60.0, [("m1", 0.0, 30.0), ("m2", 30.0, 60.0)], [Span(40.0, 45.0)])
    (moment,) = moments(score)
    assert moment.duration_s == LENGTH_S
    assert moment.start_s + 1 < 40.0 < moment.end_s - 1 or moment.start_s + 1 < 45.0 < moment.end_s - 1
    (change,) = moments(film(60.0, [("m1", 0.0, 30.0), ("m2", 30.0, 60.0)]))
    assert change.start_s < 30.0 < change.end_s


@pytest.mark.parametrize(("seconds", "count"), [(5.0, 1), (60.0, 1), (200.0, 2), (7200.0, 3)])
def test_longer_films_have_more_that_lie_apart_and_inside(seconds: float, count: int) -> None:
    cues = [(f"m{i}", i * seconds / 8, (i + 1) * seconds / 8) for i in range(8)]
    found = moments(film(seconds, cues))
    assert len(found) == count
    assert all(0 <= span.start_s < span.end_s <= seconds for span in found)
    assert all(b.start_s >= a.end_s for a, b in pairwise(found))
    assert moments(film(seconds, [])) == ()


def test_a_moment_is_what_was_mixed_there() -> None:
    score = film(12.0, [("m1", 0.0, 12.0)], [Span(5.0, 9.0)])
    rng = np.random.default_rng(0)
    voice, music = (0.1 * rng.standard_normal((2, 12 * RATE_HZ)).astype(np.float32) for _ in range(2))
    excerpts, silent = Excerpts(score), np.zeros_like(voice)
    for start in range(0, 12 * RATE_HZ, 30_000):
        part = slice(start, start + 30_000)
        excerpts.add(Stems(start, voice[:, part], music[:, part], silent[:, part], silent[:, part]))
    (found,) = excerpts.finish()
    (span,) = moments(score)
    inside = slice(round(span.start_s * RATE_HZ), round(span.end_s * RATE_HZ))
    assert found.label.endswith("speech, m1")
    assert found.original is not None
    assert found.added is not None
    for part, whole in ((found.original, voice), (found.added, music), (found.result, voice + music)):
        gain = float((part.samples * whole[:, inside]).sum() / np.square(whole[:, inside]).sum())
        np.testing.assert_allclose(part.samples, gain * whole[:, inside], atol=1e-5)
