"""Sounds that devices make by a formula too: tones, telephone signals, alarms, horns, motors, noise, drops.

Each function draws one variation of its kind. Pitches and rhythms follow the devices (ITU-T Q.23 and E.180 for the
telephone, ISO 8201 for smoke alarms, two- and three-tone sirens), spread widely so that no two variations are alike.
Only kinds that the teacher recognises are here: church bells, wind, jets or saws made this way it calls music or noise.
"""

import io
from collections.abc import Callable, Iterator

import numpy as np
import scipy.signal
import soundfile
from numpy.typing import NDArray

RATE_HZ = 16_000
LENGTH_S = 4.0
VARIATIONS = 32
Wave = NDArray[np.float64]
Draw = np.random.Generator

_TIME = np.arange(int(LENGTH_S * RATE_HZ)) / RATE_HZ


def tone(hz: Wave | float, rolloff: float = 99.0, partials: int = 1, odd: bool = False) -> Wave:
    """A steady tone with `partials` harmonics falling as 1 / n ** rolloff; `hz` may change with time."""
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(hz, _TIME.shape)) / RATE_HZ
    top = float(np.max(hz))
    numbers = [n for n in range(1, 2 * partials if odd else partials + 1, 2 if odd else 1) if n * top < RATE_HZ / 2]
    return sum((np.sin(n * phase) / n**rolloff for n in numbers), np.zeros_like(_TIME))


def noise(rng: Draw, slope: float = 0.0, low_hz: float = 20, high_hz: float = 7900) -> Wave:
    """Noise whose power falls as f ** -slope (0 white, 1 pink, 2 brown) between two edges."""
    spectrum = np.fft.rfft(rng.standard_normal(len(_TIME)))
    hz = np.fft.rfftfreq(len(_TIME), 1 / RATE_HZ)
    spectrum *= np.maximum(hz, 1) ** (-slope / 2) * ((hz >= low_hz) & (hz <= high_hz))
    wave = np.fft.irfft(spectrum, len(_TIME))
    return wave / max(float(np.std(wave)), 1e-9) * 0.2


def gated(wave: Wave, on_s: float, off_s: float, pulses: int = 1, rest_s: float = 0.0) -> Wave:
    """On and off in groups of `pulses`, the groups `rest_s` apart; edges of 4 ms."""
    cycle_s = pulses * (on_s + off_s) + rest_s
    within = _TIME % cycle_s
    gate = ((within < pulses * (on_s + off_s)) & (within % (on_s + off_s) < on_s)).astype(float)
    return wave * scipy.signal.fftconvolve(gate, np.ones(64) / 64, "same")


def struck(rng: Draw, at_s: float, partials: list[tuple[float, float, float]]) -> Wave:
    """A struck body: (frequency, amplitude, seconds to -60 dB) of each of its modes, from `at_s` on."""
    late = np.maximum(_TIME - at_s, 0)
    wave = sum(
        (a * np.sin(2 * np.pi * hz * late + rng.uniform(0, 6)) * np.exp(-6.9 * late / rt) for hz, a, rt in partials),
        np.zeros_like(_TIME),
    )
    return wave * (at_s <= _TIME) * np.minimum(1, late / 0.001)


def rung(rng: Draw, times_s: Wave, partials: list[tuple[float, float, float]]) -> Wave:
    """The same body struck at each of these times."""
    strikes = np.zeros_like(_TIME)
    strikes[(times_s[times_s < LENGTH_S - 0.01] * RATE_HZ).astype(int)] = 1
    return np.asarray(scipy.signal.fftconvolve(strikes, struck(rng, 0.0, partials))[: len(_TIME)])


def clicks(rng: Draw, times_s: Wave, low_hz: float, high_hz: float, decay_s: float) -> Wave:
    """Short bursts of band noise at these times, each of its own level."""
    wave = np.zeros_like(_TIME)
    size = int(6 * decay_s * RATE_HZ) + 2
    shape = np.exp(-np.arange(size) / (decay_s * RATE_HZ))
    for start in (times_s[times_s < LENGTH_S - 0.01] * RATE_HZ).astype(int):
        piece = (rng.standard_normal(size) * shape * rng.uniform(0.4, 1))[: len(wave) - start]
        wave[start : start + len(piece)] += piece
    return band(wave, low_hz, high_hz)


def band(wave: Wave, low_hz: float, high_hz: float) -> Wave:
    """Second-order Butterworth band."""
    edges = [max(low_hz, 15), min(high_hz, 7900)]
    return np.asarray(scipy.signal.sosfilt(scipy.signal.butter(2, edges, "band", fs=RATE_HZ, output="sos"), wave))


def _sine(rng: Draw) -> Wave:
    return tone(float(np.exp(rng.uniform(np.log(80), np.log(6000)))))


def _chirp(rng: Draw) -> Wave:
    edges = np.exp(rng.uniform(np.log(60), np.log(7000), 2))
    period_s = rng.uniform(0.15, 5)
    return tone(edges[0] * (edges[1] / edges[0]) ** (_TIME % period_s / period_s))


def _pulses(rng: Draw) -> Wave:
    every_s = 1 / rng.uniform(1, 40)
    return clicks(rng, np.arange(0, LENGTH_S, every_s), 200, rng.uniform(2000, 7800), rng.uniform(0.0005, 0.01))


def _coloured_noise(rng: Draw) -> Wave:
    return noise(rng, rng.uniform(-0.5, 2.2))


def _static(rng: Draw) -> Wave:
    crackle = clicks(rng, np.sort(rng.uniform(0, LENGTH_S, int(rng.integers(5, 300)))), 500, 7500, 0.001)
    hiss = noise(rng, rng.uniform(0, 0.8), rng.uniform(50, 900), rng.uniform(2500, 7900))
    return hiss * (0.6 + 0.4 * np.sign(np.sin(2 * np.pi * rng.uniform(0.3, 3) * _TIME))) + crackle


def _dial_tone(rng: Draw) -> Wave:
    pair = [(350, 440), (425, 425), (400, 450), (440, 480)][int(rng.integers(4))]
    return tone(pair[0] * rng.uniform(0.97, 1.03)) + tone(pair[1]) + rng.uniform(0, 0.2) * noise(rng, 0, 300, 3400)


def _busy_tone(rng: Draw) -> Wave:
    pair = [(480, 620), (425, 425), (400, 400)][int(rng.integers(3))]
    beat_s = rng.choice([0.25, 0.375, 0.5])
    return gated(tone(pair[0]) + tone(pair[1]), beat_s, beat_s) + rng.uniform(0, 0.1) * noise(rng, 0, 300, 3400)


def _touch_tones(rng: Draw) -> Wave:
    wave, at, on, off = np.zeros_like(_TIME), rng.uniform(0, 0.3), rng.uniform(0.06, 0.25), rng.uniform(0.05, 0.25)
    while at < LENGTH_S - on:
        here = (at <= _TIME) & (at + on > _TIME)
        wave += here * (tone(rng.choice([697, 770, 852, 941])) + tone(rng.choice([1209, 1336, 1477])))
        at += on + off * rng.uniform(0.7, 1.5)
    return wave


def _bell_telephone(rng: Draw) -> Wave:
    hz, trill = rng.uniform(700, 2200), rng.uniform(15, 28)
    wave = rung(rng, np.arange(0, LENGTH_S, 1 / trill), [(hz, 1, 0.3), (hz * 1.26, 0.7, 0.3), (hz * 2.9, 0.4, 0.2)])
    return gated(wave, rng.choice([0.4, 1, 2]), rng.choice([0.2, 1, 2]))


def _electronic_ring(rng: Draw) -> Wave:
    low = rng.uniform(500, 1600)
    warble = np.where(np.sin(2 * np.pi * rng.uniform(8, 25) * _TIME) > 0, low, low * rng.uniform(1.15, 1.5))
    return gated(tone(warble, 1.2, 5, odd=rng.random() < 0.5), rng.uniform(0.4, 2), rng.uniform(0.3, 2))


def _wailing_siren(rng: Draw) -> Wave:
    low, high = rng.uniform(350, 700), rng.uniform(1000, 1700)
    turn = _TIME / rng.choice([0.25, 0.35, 2.0, 3.5, 5.0]) % 1
    shape = np.where(turn < 0.55, np.sin(turn / 0.55 * np.pi / 2), np.cos((turn - 0.55) / 0.45 * np.pi / 2))
    return tone(low * (high / low) ** shape, rng.uniform(0.8, 1.6), 6)


def _two_tone_siren(rng: Draw) -> Wave:
    low, half_s = rng.uniform(360, 700), rng.uniform(0.25, 0.8)
    hz = np.where(_TIME % (2 * half_s) < half_s, low, low * rng.uniform(1.2, 1.4))
    return tone(hz, rng.uniform(0.5, 1.5), 8)


def _smoke_alarm(rng: Draw) -> Wave:
    wave = tone(rng.uniform(2800, 3500), 1, 2)
    if rng.random() < 0.5:
        return gated(wave, 0.5, 0.5, 3, 1.0)
    return gated(wave, rng.uniform(0.05, 0.3), rng.uniform(0.03, 0.3))


def _alarm_clock(rng: Draw) -> Wave:
    beep_s = rng.uniform(0.05, 0.15)
    wave = tone(rng.uniform(1500, 3200), 0.9, 3, odd=True)
    return gated(wave, beep_s, beep_s * rng.uniform(0.7, 1.3), int(rng.integers(2, 5)), rng.uniform(0.2, 0.7))


def horn_of(rng: Draw, hz: float, on_s: float, off_s: float) -> Wave:
    """Two reeds a third apart, driven hard."""
    pair = tone(hz, 0.6, 18) + tone(hz * rng.choice([1.19, 1.25, 1.26]), 0.6, 18)
    return gated(band(np.tanh(pair), 200, 4500), on_s, off_s)


def _car_horn(rng: Draw) -> Wave:
    return horn_of(rng, rng.uniform(330, 480), rng.uniform(0.1, 1.8), rng.uniform(0.1, 1.0))


def _air_horn(rng: Draw) -> Wave:
    hz = rng.uniform(120, 330)
    reeds = ((1.0,), (1.0, 1.26), (1.0, 1.19, 1.5, 1.78))[int(rng.integers(3))]
    chord = sum((tone(hz * r, 0.5, 25) for r in reeds), np.zeros_like(_TIME))
    return gated(np.tanh(2 * chord) + 0.3 * noise(rng, 0, 800, 6000), rng.uniform(0.4, 3), rng.uniform(0.2, 1))


def _steam_whistle(rng: Draw) -> Wave:
    hz = rng.uniform(280, 750) * (1 - 0.08 * np.exp(-_TIME * 6))
    chord = sum((tone(hz * r, 1.5, 4) for r in rng.choice([1, 1.19, 1.33, 1.5, 1.67], 3)), np.zeros_like(_TIME))
    return gated(chord + rng.uniform(0.5, 2) * noise(rng, 0, 600, 7000), rng.uniform(0.5, 3), rng.uniform(0.3, 1))


def _doorbell(rng: Draw) -> Wave:
    hz, ratio = rng.uniform(450, 1100), rng.choice([1.25, 1.26, 1.335, 1.5])
    at = rng.uniform(0, 1)
    wave = np.zeros_like(_TIME)
    for number, start in enumerate((at, at + rng.uniform(0.3, 0.7), at + 2.2, at + 2.7)):
        root = hz if number % 2 else hz * ratio
        wave += struck(rng, start, [(root, 1, 1.8), (root * 2.756, 0.3, 0.6), (root * 5.4, 0.15, 0.3)])
    return wave


def _tuning_fork(rng: Draw) -> Wave:
    hz = rng.uniform(250, 1100)
    return struck(rng, rng.uniform(0, 1), [(hz, 1, rng.uniform(4, 12)), (hz * 6.27, 0.3, 0.5)])


def _engine(rng: Draw) -> Wave:
    """A motor at idle: firing pulses with jitter through a pipe."""
    firing_hz = np.full_like(_TIME, rng.uniform(18, 110))
    phase = np.cumsum(firing_hz) / RATE_HZ + rng.uniform(0, 0.05) * np.sin(
        2 * np.pi * np.cumsum(firing_hz) / RATE_HZ / 4
    )
    fire = np.diff(np.floor(phase), prepend=0) > 0
    wave = np.zeros_like(_TIME)
    wave[fire] = rng.uniform(0.6, 1, int(fire.sum()))
    burst = rng.standard_normal(400) * np.exp(-np.arange(400) / rng.uniform(30, 120))
    body = scipy.signal.fftconvolve(wave, burst)[: len(wave)] + 4 * band(wave, 30, rng.uniform(150, 500))
    return body / np.std(body) * 0.3 + rng.uniform(0, 0.1) * noise(rng, 1)


def _small_motor(rng: Draw) -> Wave:
    hz = rng.uniform(120, 700) * (1 + 0.15 * (1 - np.exp(-_TIME * rng.uniform(1, 8))))
    return tone(hz, rng.uniform(0.3, 1), 12) * rng.uniform(0.1, 0.6) + noise(rng, rng.uniform(0, 1), 150, 7500)


def _drips(rng: Draw) -> Wave:
    """Bubbles under drops: sines whose pitch rises as they fade (Minnaert)."""
    wave, at, dense = np.zeros_like(_TIME), 0.0, rng.uniform(0.01, 0.8)
    while at < LENGTH_S - 0.1:
        late = np.maximum(_TIME - at, 0)[int(at * RATE_HZ) : int((at + 0.1) * RATE_HZ)]
        hz = rng.uniform(500, 3500)
        drop = np.sin(2 * np.pi * (hz * late + hz * rng.uniform(1, 6) * late**2)) * np.exp(
            -late * hz / rng.uniform(15, 40)
        )
        wave[int(at * RATE_HZ) : int(at * RATE_HZ) + len(drop)] += drop * rng.uniform(0.2, 1)
        at += rng.exponential(dense) + 0.002
    return wave + rng.choice([0, 0.02, 0.2]) * noise(rng, 0, 400, 7500)


def _boing(rng: Draw) -> Wave:
    hz, wobble = rng.uniform(120, 500), rng.uniform(6, 18)
    within = _TIME % rng.uniform(0.9, 2.4)
    depth = rng.uniform(0.2, 0.6) * np.exp(-2 * within)
    return tone(hz * (1 + depth * np.sin(2 * np.pi * wobble * within)), 0.9, 8) * np.exp(-3 * within)


def _theremin(rng: Draw) -> Wave:
    steps = np.repeat(2 ** (rng.integers(-7, 12, 8) / 12), len(_TIME) // 8 + 1)[: len(_TIME)]
    glide = scipy.signal.fftconvolve(np.pad(steps, 2000, "edge"), np.ones(4001) / 4001, "valid")
    vibrato = 1 + 0.015 * np.sin(2 * np.pi * rng.uniform(4.5, 7) * _TIME)
    return tone(rng.uniform(250, 700) * glide * vibrato, rng.uniform(1.5, 3), 4)


def _scanner(rng: Draw) -> Wave:
    every_s = rng.uniform(0.3, 1.5)
    return gated(tone(rng.uniform(700, 3000), 2, 2), rng.uniform(0.03, 0.2), every_s)


def _heart(rng: Draw) -> Wave:
    beat_s = 60 / rng.uniform(50, 140)
    first = np.arange(0.1, LENGTH_S, beat_s)
    times = np.sort(np.concatenate([first, first + 0.32 * min(beat_s, 1)]))
    return clicks(rng, times, 25, rng.uniform(90, 180), 0.03) + rng.uniform(0, 0.02) * noise(rng, 2, 20, 500)


def echoed(rng: Draw, wave: Wave) -> Wave:
    """In a large space: fading noise as its answer."""
    rt60 = rng.uniform(0.8, 3)
    late = np.arange(int(rt60 * RATE_HZ)) / RATE_HZ
    room = rng.standard_normal(len(late)) * 10 ** (-3 * late / rt60)
    return wave + rng.uniform(0.1, 0.5) * scipy.signal.fftconvolve(wave, room / np.sqrt((room**2).sum()))[: len(wave)]


KINDS: tuple[Callable[[Draw], Wave], ...] = (
    _sine, _chirp, _pulses, _coloured_noise, _static, _dial_tone, _busy_tone, _touch_tones, _bell_telephone,
    _electronic_ring, _wailing_siren, _two_tone_siren, _smoke_alarm, _alarm_clock, _car_horn, _air_horn,
    _steam_whistle, _doorbell, _tuning_fork, _engine, _small_motor, _drips, _boing, _theremin, _scanner, _heart,
)  # fmt: skip


def members() -> Iterator[tuple[str, bytes]]:
    """(name, WAV bytes) of every variation of every kind; the same on every run."""
    for kind in KINDS:
        for number in range(VARIATIONS):
            rng = np.random.default_rng([number, *kind.__name__[1:].encode()])
            wave = kind(rng)
            wave *= 10 ** (rng.uniform(-20, -1) / 20) / max(float(np.abs(wave).max()), 1e-9)
            out = io.BytesIO()
            soundfile.write(out, wave, RATE_HZ, format="WAV", subtype="PCM_16")
            yield f"{kind.__name__[1:]}/{number:02d}.wav", out.getvalue()
