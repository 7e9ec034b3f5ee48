"""Short textures lie under a whole picture, and are never looped; other short sounds are heard once."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from storysound.cue.levels import Levels
from storysound.jobs.plan.choice import Draft
from storysound.jobs.plan.cuts import cut
from storysound.jobs.plan.lasting import Lasting
from storysound.match.query import Hit
from storysound.media.arrays import RATE_HZ
from storysound.media.audio import Waveform, write_wav
from storysound.story import Sound


def sound(folder: Path, name: str, seconds: float, every_s: float = 0.0) -> Sound:
    """Noise that goes on, or strokes of it."""
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    noise = 0.1 * np.random.default_rng(0).standard_normal((2, len(t)))
    samples = noise * np.exp(-(t % every_s) / 0.03) if every_s else noise
    write_wav(folder / name, Waveform(samples.astype(np.float32), RATE_HZ))
    return Sound(name, str(folder), seconds, "sfx")


def test_which_sounds_last(tmp_path: Path) -> None:
    lasting = Lasting()
    rain, dog = sound(tmp_path, "rain.wav", 5.0), sound(tmp_path, "dog.wav", 5.0, 1.7)
    assert lasting(rain)
    assert not lasting(dog)
    assert lasting(sound(tmp_path, "dogs.wav", 8.0, 1.7)), "whatever is as long as that"
    assert not lasting(sound(tmp_path, "drop.wav", 1.0))
    assert not Lasting()(Sound("gone.wav", str(tmp_path), 5.0, "sfx"))
    (tmp_path / "rain.wav").unlink()
    assert lasting(rain), "read once"


@pytest.mark.parametrize("length_s", [12.0, 150.0])
def test_five_seconds_fill_any_picture_without_a_loop(tmp_path: Path, length_s: float) -> None:
    hit = Hit(sound(tmp_path, "rain.wav", 5.0), 0.0, 5.0, 0.9, ())
    draft = Draft("ambience", 3.0, 3.0 + length_s, (hit,), 0.4)
    once, again = (next(cut([draft], -23.0, Levels())) for _ in range(2))
    assert once.cue == again.cue
    assert (once.cue.start_s, once.cue.end_s) == (3.0, pytest.approx(3.0 + length_s, abs=1e-4))
    assert length_s / 3 < len(once.cue.pieces) < 1.3 * length_s
    lags = [round(q.at_s - q.in_s - (p.at_s - p.in_s), 2) for p, q in pairwise(once.cue.pieces)]
    assert max(lags.count(lag) for lag in set(lags)) <= max(2, len(lags) / 20), "no jump is the usual one"
    levels = np.square(once.samples[:, RATE_HZ : -3 * RATE_HZ]).mean(axis=0)
    levels = levels[: len(levels) // RATE_HZ * RATE_HZ].reshape(-1, RATE_HZ).mean(axis=1)
    assert 10 * np.log10(levels.max() / levels.min()) < 1.0


def test_an_event_is_looped_as_ever_and_two_cues_go_different_ways(tmp_path: Path) -> None:
    dog = Hit(sound(tmp_path, "dogs.wav", 8.0, 1.7), 0.0, 8.0, 0.9, ())
    looped = next(cut([Draft("ambience", 0.0, 30.0, (dog,), 0.4)], -23.0, Levels())).cue.pieces
    assert len({round(piece.in_s, 3) for piece in looped[1:]}) == 1
    rain = Hit(sound(tmp_path, "rain.wav", 5.0), 0.0, 5.0, 0.9, ())
    one, two = cut([Draft("ambience", a, a + 12.0, (rain,), 0.4) for a in (0.0, 20.0)], -23.0, Levels())
    assert [p.in_s for p in one.cue.pieces] != [p.in_s for p in two.cue.pieces]
