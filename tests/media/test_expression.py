import math

import numpy as np
import pytest

from storysound.media.audio import Waveform
from storysound.media.expression import expression, stretch
from storysound.media.tonality import analyse, majorness, register, roughness

RATE_HZ = 22_050


def tones(hertz: list[float], duration_s: float = 2.0, level: float = 0.1) -> Waveform:
    time_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    return Waveform((level * sum(np.sin(2 * np.pi * f * time_s) for f in hertz))[None].astype(np.float32), RATE_HZ)


def strokes(bpm: float, duration_s: float = 12.0, level: float = 0.3) -> Waveform:
    """Short bursts of noise at an even beat."""
    rng = np.random.default_rng(0)
    samples = np.zeros(round(duration_s * RATE_HZ), np.float32)
    for beat in range(int(duration_s * bpm / 60)):
        at = round(beat * 60 / bpm * RATE_HZ)
        burst = rng.normal(size=2000) * np.exp(-np.arange(2000) / 300) * level
        samples[at : at + 2000] += burst[: len(samples[at : at + 2000])].astype(np.float32)
    return Waveform(samples[None], RATE_HZ)


def chords(third: int) -> Waveform:
    """I IV V I on C, with this third."""
    degrees = [(0, third), (5, third), (7, 4), (0, third)]
    notes = [[60 + d, 60 + d + t, 67 + d] for d, t in degrees] * 2
    return Waveform(
        np.concatenate([tones([440 * 2 ** ((n - 69) / 12) for n in c], 0.8).samples for c in notes], 1), RATE_HZ
    )


def test_faster_strokes_have_more_tempo_and_onsets() -> None:
    slow, fast = expression(strokes(70)), expression(strokes(140))
    assert 0.4 < fast.tempo - slow.tempo < 1.1  # how they are counted is left open in part
    assert fast.onsets - slow.onsets == pytest.approx(1, abs=0.2)
    assert fast.onsets == pytest.approx(math.log2(140 / 60), abs=0.2)


@pytest.mark.parametrize("gain", [0.01, 30.0])
def test_how_loud_a_sound_is_changes_nothing(gain: float) -> None:
    usual = chords(4)
    louder = Waveform(usual.samples * np.float32(gain), RATE_HZ)
    assert expression(louder).vector() == pytest.approx(expression(usual).vector(), abs=0.01)


def test_silence_has_cues_too() -> None:
    assert np.isfinite(expression(Waveform(np.zeros((1, RATE_HZ), np.float32), RATE_HZ)).vector()).all()


@pytest.mark.parametrize(("duration_s", "start_s"), [(30, 0), (50, 5), (65, 20), (400, 20)])
def test_the_stretch_begins_after_the_introduction_where_the_music_goes_on_long_enough(
    duration_s: int, start_s: int
) -> None:
    part = stretch(Waveform(np.arange(10 * duration_s, dtype=np.float32)[None], 10))
    assert part.samples[0, 0] == 10 * start_s
    assert part.duration_s == min(duration_s, 45)


def test_brightness_is_an_octave_higher_for_tones_an_octave_up() -> None:
    low, high = expression(tones([400.0])), expression(tones([800.0]))
    assert high.brightness - low.brightness == pytest.approx(1, abs=0.15)
    assert high.register - low.register == pytest.approx(12, abs=0.5)


def test_major_and_minor() -> None:
    assert majorness(chords(4)) > 0.1
    assert majorness(chords(3)) < -0.1


def test_roughness_is_highest_a_semitone_apart_and_nothing_in_a_single_tone() -> None:
    single, octave, semitone = (roughness(tones(f)) for f in ([440.0], [440.0, 880.0], [440.0, 466.0]))
    assert single == pytest.approx(0, abs=0.01)
    assert octave < 0.02 < semitone


def test_roughness_against_the_obvious_loop() -> None:
    peaks = analyse(tones([300.0, 320.0, 410.0], 1.5))
    slow = []
    for frame in range(peaks.count):
        own = [
            (440 * 2 ** ((p - 69) / 12), w**2)
            for f, p, w in zip(peaks.frames, peaks.pitches, peaks.weights, strict=True)
            if f == frame
        ]
        own = sorted(own, key=lambda partial: -partial[1])[:20]
        beats = 0.0
        for i, (one, loud) in enumerate(own):
            for other, soft in own[i + 1 :]:
                apart = 0.24 / (0.0207 * min(one, other) + 18.96) * abs(one - other)
                beats += min(loud, soft) * (math.exp(-3.51 * apart) - math.exp(-5.75 * apart))
        slow.append(beats / sum(a for _, a in own) if own else 0.0)
    assert roughness(peaks) == pytest.approx(np.mean(slow), rel=1e-3)


@pytest.mark.parametrize("samples", [1, 50, 2000, 40_000])
def test_silence_and_clicks_of_any_length_have_finite_cues(samples: int) -> None:
    silence = np.zeros((1, samples), np.float32)
    click = silence.copy()
    click[0, 0] = 0.5
    for wave in (silence, click):
        assert np.isfinite(expression(Waveform(wave, 44_100)).vector()).all()


def test_no_tones_have_the_middle_register() -> None:
    assert register(Waveform(np.zeros((1, 44_100), np.float32), 44_100)) == 60.0
