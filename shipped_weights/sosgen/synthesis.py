"""Sounds of our own, made by formulas: weather, animals, machines, people's noises. Each call draws another variation.

Physics in short (Farnell 2010, "Designing Sound"): voices are harmonics of a moving pitch under formants, with breath;
weather is noise with many small events; machines are pulses through resonances. `corpus.py` keeps the variations in
which a listener (YAMNet, 521 classes) hears what they are meant to be; most kinds pass often, some rarely.
"""

from collections.abc import Callable, Sequence

import numpy as np
import scipy.signal
from numpy.typing import NDArray

RATE_HZ = 16_000
SECONDS = 5.0
COUNT = int(SECONDS * RATE_HZ)
Wave = NDArray[np.float64]
Draw = np.random.Generator
TIME = np.arange(COUNT) / RATE_HZ


def noise(rng: Draw, n: int = COUNT, slope: float = 0.0, low_hz: float = 20.0, high_hz: float = 7900.0) -> Wave:
    """Noise [n] of strength 1 whose power falls as f ** -slope between two edges."""
    spectrum = np.fft.rfft(rng.standard_normal(n))
    hz = np.fft.rfftfreq(n, 1 / RATE_HZ)
    spectrum *= np.maximum(hz, 20) ** (-slope / 2) / (1 + (low_hz / np.maximum(hz, 1)) ** 4) / (1 + (hz / high_hz) ** 6)
    wave = np.fft.irfft(spectrum, n)
    return wave / max(float(np.std(wave)), 1e-9)


def band(wave: Wave, low_hz: float, high_hz: float) -> Wave:
    """Second-order Butterworth band."""
    edges = [max(low_hz, 15.0), min(high_hz, 7900.0)]
    return np.asarray(scipy.signal.sosfilt(scipy.signal.butter(2, edges, "band", fs=RATE_HZ, output="sos"), wave))


def slow(rng: Draw, rate_hz: float, n: int = COUNT) -> Wave:
    """A smooth random curve [n] of mean 0 and strength 1 that changes about `rate_hz` times a second."""
    points = max(4, int(n / RATE_HZ * rate_hz * 2) + 4)
    at = np.linspace(0, points - 1, n)
    knots = rng.standard_normal(points)
    low = np.floor(at).astype(int).clip(0, points - 2)
    part = at - low
    part = part * part * (3 - 2 * part)
    return np.asarray(knots[low] * (1 - part) + knots[low + 1] * part)


def add(wave: Wave, piece: Wave, at_s: float) -> None:
    """Adds a piece to a wave at a time, as far as it fits."""
    start = int(at_s * RATE_HZ)
    if 0 <= start < len(wave):
        piece = piece[: len(wave) - start]
        wave[start : start + len(piece)] += piece


def curve(points: Sequence[tuple[float, float]], n: int) -> Wave:
    """A line [n] through (share of the length, value)."""
    return np.interp(np.linspace(0, 1, n), [p for p, _ in points], [v for _, v in points])


def voice(
    rng: Draw, hz: Wave, formants: Sequence[tuple[float | Wave, float, float]], loud: Wave, breath: float, tilt: float,
    rough: float = 0.01,
) -> Wave:  # fmt: skip
    """Harmonics of `hz` [n] falling as n ** -tilt under `formants` (Hz, width, gain), with breath; `loud` [n]."""
    n = len(hz)
    hz = hz * (1 + rough * slow(rng, 60, n))
    phase = 2 * np.pi * np.cumsum(hz) / RATE_HZ
    wave = np.zeros(n)

    def gain(at: Wave) -> Wave:
        total = np.full(n, 0.02)
        for centre, width, level in formants:
            total += level / (1 + ((at - centre) / width) ** 2)
        return total

    for number in range(1, min(60, int(7800 / max(float(hz.min()), 40))) + 1):
        at = number * hz
        wave += np.where(at < 7800, number**-tilt * gain(at), 0) * np.sin(number * phase)
    airy = np.zeros(n)
    for centre, width, level in formants:
        middle = float(np.mean(centre))
        airy += level * band(rng.standard_normal(n), max(60, middle - 1.5 * width), middle + 1.5 * width)
    wave /= max(float(np.std(wave)), 1e-9)
    airy /= max(float(np.std(airy)), 1e-9)
    return np.asarray((wave * (1 - breath) + airy * breath) * loud)


def swell(n: int, attack: float, release: float) -> Wave:
    """Rises over the share `attack` of its length, falls over the share `release`."""
    return np.interp(np.linspace(0, 1, n), [0, attack, 1 - release, 1], [0, 1, 1, 0]) ** 1.5


def size(seconds: float) -> int:
    """Samples of so many seconds, at least two."""
    return max(2, int(seconds * RATE_HZ))


def struck(rng: Draw, seconds: float, modes: Sequence[tuple[float, float, float]]) -> Wave:
    """A struck body: (Hz, level, seconds to -60 dB) of each mode."""
    at = np.arange(size(seconds)) / RATE_HZ
    wave = sum((a * np.sin(2 * np.pi * hz * at + rng.uniform(0, 6)) * np.exp(-6.9 * at / rt) for hz, a, rt in modes
                if hz < 7800), np.zeros_like(at))  # fmt: skip
    return np.asarray(wave * np.minimum(1, at / 0.0008))


def burst(rng: Draw, seconds: float, low_hz: float, high_hz: float, decay_s: float) -> Wave:
    """A short burst of band noise that dies away."""
    at = np.arange(size(seconds)) / RATE_HZ
    return band(rng.standard_normal(len(at)), low_hz, high_hz) * np.exp(-at / decay_s)


def dry(rng: Draw, wave: Wave, floor: float = 0.02) -> Wave:
    """With a little room noise under it."""
    return wave / max(float(np.abs(wave).max()), 1e-9) + rng.uniform(0, floor) * noise(rng, len(wave), 1.0) * 0.3


def spots(rng: Draw, first: float, gap: Callable[[], float], most: int = 99) -> list[float]:
    """Times from `first` on, `gap` apart."""
    at, found = first, []
    while at < SECONDS - 0.1 and len(found) < most:
        found.append(at)
        at += gap()
    return found


def dog(rng: Draw) -> Wave:
    """Barks, alone or in rows."""
    wave, high = np.zeros(COUNT), np.exp(rng.uniform(np.log(250), np.log(1000)))
    length, first, breath = rng.uniform(0.09, 0.22), rng.uniform(700, 1600), rng.uniform(0.1, 0.5)
    rest = rng.choice([0.3, 0.45, 0.9])
    for at in spots(rng, rng.uniform(0, 0.6), lambda: rest * rng.choice([1, 1, 2]) * rng.uniform(0.9, 1.3)):
        n = size(length * rng.uniform(0.8, 1.2))
        hz = high * rng.uniform(0.95, 1.05) * curve([(0, 0.75), (0.25, 1.15), (0.6, 1.0), (1, 0.6)], n)
        forms = [
            (first * curve([(0, 0.7), (0.35, 1.2), (1, 0.7)], n), 350, 1.0),
            (first * 2.2, 500, 0.5),
            (350.0, 200, 0.3),
        ]
        bark = voice(rng, hz, forms, swell(n, 0.1, 0.55), breath, rng.uniform(0.3, 0.8), 0.02)
        add(wave, np.tanh(1.5 * bark), at)
    return dry(rng, wave)


def rooster(rng: Draw) -> Wave:
    """Cock-a-doodle-doo."""
    wave, high, at = np.zeros(COUNT), rng.uniform(420, 900), rng.uniform(0, 0.6)
    pace, fall = rng.uniform(0.8, 1.3), rng.uniform(0.55, 0.9)
    shapes = [(0.2, 0.7, 0.9), (0.14, 0.95, 0.9), (0.38, 0.85, 1.3), (rng.uniform(0.7, 1.3), 1.3, fall)]
    first, second, tilt = rng.uniform(1000, 1800), rng.uniform(2300, 3500), rng.uniform(0.0, 0.6)
    breath, rough = rng.uniform(0.02, 0.25), rng.uniform(0.005, 0.05)
    while at < 3.0:
        for length, start, end in shapes:
            n = size(length * pace * rng.uniform(0.9, 1.1))
            hz = high * curve([(0, start * 0.75), (0.15, start), (0.6, (start + end) / 2 * 1.05), (1, end)], n)
            forms = [(first, 450, 1.0), (second, 600, 0.8), (600.0, 300, 0.2)]
            add(wave, np.tanh(1.3 * voice(rng, hz, forms, swell(n, 0.12, 0.3), breath, tilt, rough)), at)
            at += n / RATE_HZ + rng.uniform(0.0, 0.04)
        at += rng.uniform(1.0, 3.0)
    return dry(rng, wave)


def baby(rng: Draw) -> Wave:
    """A crying baby."""
    wave, high = np.zeros(COUNT), rng.uniform(380, 560)
    for at in spots(rng, rng.uniform(0, 0.3), lambda: rng.uniform(0.9, 1.6)):
        n = size(rng.uniform(0.6, 1.1))
        hz = high * curve([(0, 0.75), (0.2, 1.05), (0.6, 1.0), (1, 0.7)], n)
        hz *= 1 + 0.015 * np.sin(2 * np.pi * rng.uniform(5, 8) * np.arange(n) / RATE_HZ)
        forms = [
            (rng.uniform(950, 1300), 250, 1.0),
            (rng.uniform(1500, 2000), 300, 0.6),
            (rng.uniform(3000, 4000), 500, 0.5),
        ]
        add(wave, voice(rng, hz, forms, swell(n, 0.12, 0.3), rng.uniform(0.03, 0.2), 0.4, rng.uniform(0.01, 0.04)), at)
        gasp = burst(rng, 0.25, 800, 4000, 0.2) * swell(size(0.25), 0.6, 0.3)
        add(wave, gasp * rng.uniform(0.1, 0.5), at + n / RATE_HZ + 0.02)
    return dry(rng, wave)


def sneeze(rng: Draw) -> Wave:
    """Breathing in, then the burst."""
    wave = np.zeros(COUNT)
    for at in spots(rng, rng.uniform(0, 1.0), lambda: rng.uniform(1.6, 3.0), int(rng.integers(1, 4))):
        n = size(rng.uniform(0.3, 0.7))
        low = rng.uniform(120, 330)
        hz = low * curve([(0, 1.0), (1, 1.5)], n)
        forms = [(700.0, 150, 1.0), (1200.0, 200, 0.6), (2600.0, 300, 0.3)]
        add(wave, voice(rng, hz, forms, np.linspace(0, 0.4, n) ** 1.5, rng.uniform(0.3, 0.8), 0.9, 0.03), at)
        start = at + n / RATE_HZ + rng.uniform(0.0, 0.08)
        n = size(rng.uniform(0.2, 0.45))
        hiss = band(rng.standard_normal(n), rng.uniform(1200, 2500), rng.uniform(4500, 7500)) * swell(n, 0.04, 0.7)
        add(wave, 3.5 * hiss, start)
        n = size(rng.uniform(0.15, 0.4))
        forms = [(rng.uniform(350, 700), 120, 1.0), (rng.uniform(900, 1500), 200, 0.6), (2500.0, 300, 0.2)]
        hz = low * curve([(0, 2.0), (1, 0.9)], n)
        add(
            wave,
            voice(rng, hz, forms, swell(n, 0.06, 0.7), rng.uniform(0.3, 0.6), 0.8, 0.05),
            start + rng.uniform(0.02, 0.1),
        )
    return dry(rng, wave)


def laugh(rng: Draw) -> Wave:
    """Ha ha ha."""
    wave, low = np.zeros(COUNT), rng.uniform(180, 520)
    at, gap = rng.uniform(0, 0.3), rng.uniform(0.15, 0.24)
    forms = [
        (rng.uniform(600, 950), 130, 1.0),
        (rng.uniform(1150, 1700), 180, 0.7),
        (2800.0, 300, 0.4),
        (3800.0, 400, 0.3),
    ]
    while at < SECONDS - 0.3:
        for number in range(int(rng.integers(4, 10))):
            n = size(gap * rng.uniform(0.45, 0.7))
            hz = low * (1.35 - 0.05 * number) * curve([(0, 0.95), (0.3, 1.1), (1, 0.85)], n)
            add(wave, voice(rng, hz, forms, swell(n, 0.2, 0.5), rng.uniform(0.05, 0.3), 0.6, 0.02), at)
            add(wave, 0.25 * burst(rng, gap * 0.4, 600, 4500, 0.2) * swell(size(gap * 0.4), 0.4, 0.4), at + n / RATE_HZ)
            at += gap * rng.uniform(0.9, 1.1)
        at += rng.uniform(0.3, 0.9)
    return dry(rng, wave)


def cat(rng: Draw) -> Wave:
    """Meows."""
    wave, high = np.zeros(COUNT), rng.uniform(420, 800)
    for at in spots(rng, rng.uniform(0, 0.8), lambda: rng.uniform(1.0, 2.4)):
        n = size(rng.uniform(0.45, 1.0))
        hz = high * curve([(0, 0.8), (0.3, 1.12), (0.7, 1.0), (1, 0.75)], n) * (1 + 0.01 * slow(rng, 8, n))
        forms = [
            (curve([(0, 500), (0.4, 1300), (1, 700)], n), 220, 1.0),
            (curve([(0, 2300), (0.5, 2600), (1, 1600)], n), 350, 0.6),
        ]
        add(wave, voice(rng, hz, forms, swell(n, 0.15, 0.35), rng.uniform(0.03, 0.15), 0.5, 0.01), at)
    return dry(rng, wave)


def sheep(rng: Draw) -> Wave:
    """Bleats with their tremor."""
    wave, low = np.zeros(COUNT), rng.uniform(200, 480)
    for at in spots(rng, rng.uniform(0, 0.5), lambda: rng.uniform(1.1, 2.4)):
        n = size(rng.uniform(0.6, 1.2))
        shake = np.sin(2 * np.pi * rng.uniform(7, 12) * np.arange(n) / RATE_HZ)
        hz = low * curve([(0, 0.9), (0.2, 1.1), (1, 0.9)], n) * (1 + 0.04 * shake)
        forms = [(rng.uniform(650, 900), 180, 1.0), (rng.uniform(1500, 1900), 250, 0.8), (2800.0, 350, 0.4)]
        add(wave, voice(rng, hz, forms, swell(n, 0.08, 0.3) * (1 + 0.6 * shake), rng.uniform(0.1, 0.25), 0.3, 0.03), at)
    return dry(rng, wave)


def owl(rng: Draw) -> Wave:
    """Hoots."""
    wave, low = np.zeros(COUNT), rng.uniform(280, 620)
    for at in spots(rng, rng.uniform(0, 0.6), lambda: rng.choice([0.45, 0.8, 1.4]) * rng.uniform(0.9, 1.2)):
        n = size(rng.uniform(0.2, 0.6))
        hz = (
            low
            * curve([(0, 0.94), (0.3, 1.0), (1, 0.93)], n)
            * (1 + 0.012 * np.sin(2 * np.pi * 9 * np.arange(n) / RATE_HZ))
        )
        add(wave, voice(rng, hz, [(low, 150, 1.0)], swell(n, 0.2, 0.4), rng.uniform(0.02, 0.12), 2.5, 0.004), at)
    return dry(rng, wave)


def frog(rng: Draw) -> Wave:
    """Croaks: quick trains of resonant pulses."""
    wave = np.zeros(COUNT)
    for _ in range(int(rng.integers(1, 4))):
        hz, rate, length = rng.uniform(350, 2600), rng.uniform(20, 70), rng.uniform(0.15, 0.6)
        every, level = rng.uniform(0.4, 1.3), rng.uniform(0.3, 1.0)
        for at in spots(rng, rng.uniform(0, 0.6), lambda every=every: every * rng.uniform(0.85, 1.2)):
            count = max(2, int(length * rate))
            for number in range(count):
                pulse = struck(rng, 0.05, [(hz, 1, 0.04), (hz * 1.9, 0.4, 0.03), (hz * 0.5, 0.3, 0.04)])
                add(wave, pulse * level * np.sin(np.pi * (number + 0.5) / count), at + number / rate)
    return dry(rng, wave)


def crickets(rng: Draw) -> Wave:
    """Chirps of several insects."""
    wave = np.zeros(COUNT)
    for _ in range(int(rng.integers(1, 6))):
        hz, pulse, count = rng.uniform(3200, 6000), rng.uniform(25, 70), int(rng.integers(2, 6))
        rest, shift = rng.choice([0.1, 0.25, 0.5]) * rng.uniform(0.7, 1.3), rng.uniform(0, 2)
        cycle = count / pulse + rest
        within = (TIME + shift) % cycle
        gate = np.where(within < count / pulse, np.sin(np.pi * (within * pulse % 1)) ** 2, 0)
        wave += rng.uniform(0.2, 1) * gate * np.sin(2 * np.pi * hz * TIME * (1 + 0.0005 * rng.standard_normal()))
    return dry(rng, wave, 0.05)


def birds(rng: Draw) -> Wave:
    """Songs of one to four birds."""
    wave = np.zeros(COUNT)
    for _ in range(int(rng.integers(1, 5))):
        high, level = rng.uniform(2300, 5500), rng.uniform(0.3, 1)
        motif = [
            (rng.uniform(0.04, 0.2), rng.uniform(0.7, 1.3), rng.uniform(0.7, 1.3), rng.uniform(0.02, 0.1))
            for _ in range(int(rng.integers(1, 6)))
        ]
        at = rng.uniform(0, 1)
        while at < SECONDS - 0.2:
            for length, start, end, rest in motif:
                n = size(length)
                hz = np.minimum(
                    high
                    * np.linspace(start, end, n)
                    * (1 + rng.choice([0, 0.06]) * np.sin(2 * np.pi * 35 * np.arange(n) / RATE_HZ)),
                    7600,
                )
                add(wave, level * np.sin(2 * np.pi * np.cumsum(hz) / RATE_HZ) * swell(n, 0.3, 0.4), at)
                at += length + rest
            at += rng.uniform(0.15, 1.5)
    return dry(rng, wave, 0.03)


def drops(rng: Draw, count: int, low_hz: float, high_hz: float, long: float) -> Wave:
    """Bubbles under drops: sines whose pitch rises as they fade (Minnaert)."""
    wave = np.zeros(COUNT)
    for at in rng.uniform(0, SECONDS, count):
        hz = np.exp(rng.uniform(np.log(low_hz), np.log(high_hz)))
        late = np.arange(size(min(0.15, 6 * long / hz))) / RATE_HZ
        drop = np.sin(2 * np.pi * hz * (late + rng.uniform(1, 8) * late**2)) * np.exp(-late * hz / long)
        add(wave, drop * rng.uniform(0.1, 1) ** 2, at)
    return wave


def rain(rng: Draw) -> Wave:
    """A hiss of far drops and the patter of near ones."""
    hiss = noise(rng, slope=rng.uniform(-0.3, 1.0), low_hz=rng.uniform(200, 1200), high_hz=rng.uniform(4000, 7900))
    hits = np.zeros(COUNT)
    count = int(rng.uniform(100, 4000))
    hits[rng.integers(0, COUNT, count)] = rng.pareto(2.5, count).clip(0, 12)
    patter = scipy.signal.fftconvolve(hits, burst(rng, 0.02, 800, 7000, rng.uniform(0.001, 0.005)))[:COUNT]
    patter /= max(float(np.std(patter)), 1e-9)
    wet = drops(rng, int(rng.uniform(0, 150)), 800, 4000, 20)
    return hiss * (1 + 0.1 * slow(rng, 1)) * rng.uniform(0.3, 1.0) + patter * rng.uniform(0.1, 0.8) + 0.5 * wet


def sea(rng: Draw) -> Wave:
    """Waves that rise, break and run out."""
    wave = 0.15 * noise(rng, slope=1.2, low_hz=60, high_hz=2500)
    period = rng.uniform(2.2, 6.0)
    for at in np.arange(-rng.uniform(0, period), SECONDS, period):
        rise, fall = rng.uniform(0.6, 1.6), rng.uniform(1.2, 3.0)
        late = TIME - at - rise
        loud = np.where(late < 0, np.exp(late / rise * 2.5), np.exp(-late / fall * 2)) * (at - 1 < TIME)
        low = noise(rng, slope=rng.uniform(1, 1.8), low_hz=80, high_hz=rng.uniform(1500, 4000))
        spray = noise(rng, slope=rng.uniform(-0.2, 0.6), low_hz=800, high_hz=7500)
        wave += loud * low * rng.uniform(0.6, 1) + loud**1.6 * spray * rng.uniform(0.2, 0.7)
    return wave


def fire(rng: Draw) -> Wave:
    """Crackles of every size over a soft roar."""
    wave = rng.uniform(0.02, 0.25) * noise(rng, slope=1.5, low_hz=40, high_hz=900) * (1 + 0.4 * slow(rng, 3))
    wave += rng.uniform(0.01, 0.08) * noise(rng, slope=0.3, low_hz=800, high_hz=6500) * (1 + 0.4 * slow(rng, 2))
    busy = np.exp(0.9 * slow(rng, 1.5))
    count = int(rng.uniform(60, 500))
    times = rng.choice(COUNT, count, p=busy / busy.sum()) / RATE_HZ
    for at in times:
        low = rng.uniform(700, 3500)
        late = np.arange(320) / RATE_HZ
        snap = (
            rng.standard_normal(320) * np.sin(2 * np.pi * low * late) * np.exp(-late / np.exp(rng.uniform(-7.4, -5.1)))
        )
        add(wave, snap * min(8.0, 0.3 * (1 + rng.pareto(1.4))), at)
    return wave


def clock(rng: Draw) -> Wave:
    """Tick and tock."""
    wave = np.zeros(COUNT)
    gap, tone = rng.choice([1.0, 0.5, 0.25]) * rng.uniform(0.95, 1.05), rng.uniform(1200, 4500)
    ratios = (1.0, rng.uniform(0.75, 1.2))
    modes = [(rng.uniform(0.6, 2.2), rng.uniform(0.2, 1), rng.uniform(0.01, 0.06)) for _ in range(5)]
    decay = rng.uniform(0.001, 0.004)
    for number, at in enumerate(np.arange(rng.uniform(0, gap), SECONDS, gap)):
        hz = tone * ratios[number % 2]
        click = struck(rng, 0.09, [(hz * r, a, rt) for r, a, rt in modes])
        click[: size(0.03)] += 2 * burst(rng, 0.03, hz * 0.6, hz * 1.8, decay)
        add(wave, click * (1.0, rng.uniform(0.5, 1.1))[number % 2], at)
        add(wave, 0.35 * click, at + rng.uniform(0.018, 0.022))
    return dry(rng, wave, 0.04)


def helicopter(rng: Draw) -> Wave:
    """Blades that chop the noise, and the turbine."""
    rate = rng.uniform(11, 24) * (1 + 0.01 * slow(rng, 0.4))
    phase = 2 * np.pi * np.cumsum(rate) / RATE_HZ
    chop = np.exp(rng.uniform(0.6, 1.6) * np.sin(phase) + rng.uniform(0, 0.5) * np.sin(2 * phase + rng.uniform(0, 6)))
    chop /= chop.mean()
    low = noise(rng, slope=rng.uniform(0.8, 1.8), low_hz=60, high_hz=rng.uniform(500, 2500))
    mid = noise(rng, slope=rng.uniform(0.2, 0.9), low_hz=250, high_hz=rng.uniform(2500, 6000))
    whine = np.sin(2 * np.pi * np.cumsum(rng.uniform(400, 1800) * (1 + 0.003 * slow(rng, 1))) / RATE_HZ)
    hum = voice(rng, rate * rng.choice([2, 4, 5]), [(200.0, 200, 1.0)], np.ones(COUNT), 0.05, 0.8, 0.003)
    loud = np.exp(0.3 * slow(rng, 0.3))
    part = rng.uniform(0.1, 0.5)
    return loud * (chop * (low + part * mid) + rng.uniform(0, 0.5) * hum + rng.uniform(0, 0.08) * whine + 0.3 * low)


def pulsed(rng: Draw, hz: Wave, decay: float, low_hz: float, high_hz: float, uneven: float) -> Wave:
    """Firings of an engine at `hz` [n] through a pipe."""
    fire = np.diff(np.floor(np.cumsum(hz) / RATE_HZ), prepend=0) > 0
    pulses = np.zeros(len(hz))
    pulses[fire] = 1 + uneven * rng.standard_normal(int(fire.sum()))
    shape = burst(rng, min(0.2, 8 * decay), low_hz, high_hz, decay)
    body = scipy.signal.fftconvolve(pulses, shape)[: len(hz)]
    return np.asarray(body / max(float(np.std(body)), 1e-9))


def chainsaw(rng: Draw) -> Wave:
    """A two-stroke that idles, revs and bites."""
    idle, full = rng.uniform(50, 90), rng.uniform(110, 220)
    gas = np.clip(0.6 + slow(rng, rng.uniform(0.3, 1.0)) + rng.uniform(0, 0.8), 0, 1)
    gas = scipy.signal.fftconvolve(np.pad(gas, 2000, "edge"), np.ones(4001) / 4001, "valid")
    hz = (idle + (full - idle) * gas) * (1 + 0.02 * slow(rng, 12))
    turn = 2 * np.pi * np.cumsum(hz) / RATE_HZ
    teeth = np.zeros(COUNT) + sum(
        np.sin(n * turn + rng.uniform(0, 6)) * rng.uniform(0.3, 1) / n**0.4 for n in range(1, 25)
    )
    buzz = band(np.tanh(1.5 * teeth), rng.uniform(150, 500), rng.uniform(3500, 7000))
    rasp = noise(rng, slope=rng.uniform(0, 0.5), low_hz=600, high_hz=7500) * (1 + 0.8 * np.sin(turn))
    return (0.4 + 0.6 * gas) * (buzz / buzz.std() + rng.uniform(0.3, 1.0) * rasp)


def engine(rng: Draw) -> Wave:
    """A car's motor, idling or revving."""
    hz = (
        rng.uniform(20, 90)
        * (1 + rng.choice([0.0, 0.3, 0.7]) * np.clip(slow(rng, 0.5), 0, 2))
        * (1 + 0.015 * slow(rng, 10))
    )
    body = pulsed(rng, hz, rng.uniform(0.003, 0.02), 50, rng.uniform(400, 2500), rng.uniform(0.1, 0.4))
    whir = noise(rng, slope=1.0, low_hz=60, high_hz=5000) * (1 + 0.4 * np.sin(2 * np.pi * np.cumsum(hz) / RATE_HZ / 2))
    return body + rng.uniform(0.2, 0.8) * whir


def thunder(rng: Draw) -> Wave:
    """Claps that roll away, often in the rain."""
    wave = np.zeros(COUNT)
    loud = np.exp(1.2 * slow(rng, rng.uniform(1.5, 5))) * np.interp(
        TIME, [0, rng.uniform(0.1, 1.2), SECONDS], [0.05, 1, 0.1]
    )
    wave += loud * noise(rng, slope=rng.uniform(1.6, 2.6), low_hz=30, high_hz=rng.uniform(200, 900))
    crack = np.exp(1.8 * slow(rng, rng.uniform(4, 10))) * np.exp(-TIME / rng.uniform(0.5, 2.0))
    wave += rng.uniform(0, 0.5) * crack * noise(rng, slope=1.2, low_hz=100, high_hz=rng.uniform(1500, 4000))
    return wave + rng.choice([0.02, 0.1, 0.25]) * rain(rng)


def wind(rng: Draw) -> Wave:
    """Gusts: noise whose colour and strength wander."""
    wave = np.zeros(COUNT)
    gust = slow(rng, rng.uniform(0.3, 1.0))
    for low in (60, 150, 350, 800, 1800):
        part = noise(rng, slope=1.0, low_hz=low, high_hz=low * 3)
        wave += (
            part
            * np.exp((0.5 + 0.25 * np.log2(low / 60)) * (gust + 0.3 * slow(rng, 2)))
            * (60 / low) ** rng.uniform(0.3, 0.9)
        )
    if rng.random() < 0.5:
        hz = rng.uniform(300, 700) * np.exp(0.25 * gust)
        phase = 2 * np.pi * np.cumsum(hz) / RATE_HZ
        near, far = (noise(rng, low_hz=1, high_hz=rng.uniform(40, 120)) for _ in range(2))
        wave += rng.uniform(0.1, 0.6) * np.exp(gust) * (near * np.cos(phase) + far * np.sin(phase))
    return wave


def stream(rng: Draw) -> Wave:
    """Running water: a wide rush, and bubbles."""
    rush = noise(rng, slope=rng.uniform(0.2, 1.1), low_hz=rng.uniform(100, 400), high_hz=rng.uniform(4000, 7500))
    wave = drops(rng, int(rng.uniform(100, 900)), rng.uniform(300, 600), rng.uniform(1800, 3500), rng.uniform(8, 20))
    return rush * (1 + 0.1 * slow(rng, 3)) + rng.uniform(0, 1.5) * wave


def drip(rng: Draw) -> Wave:
    """Single drops."""
    wave = drops(rng, int(rng.uniform(5, 40)), 500, 3000, rng.uniform(20, 50))
    return dry(rng, wave, 0.03)


def footsteps(rng: Draw) -> Wave:
    """Heel and toe on a hard floor or gravel."""
    wave, gravel = np.zeros(COUNT), rng.random() < 0.4
    low = rng.uniform(80, 250)
    for at in spots(rng, rng.uniform(0, 0.4), lambda: 0.55 * rng.uniform(0.85, 1.15)):
        if gravel:
            for late in rng.uniform(0, 0.22, 40):
                add(wave, burst(rng, 0.02, 900, 7000, rng.uniform(0.001, 0.006)) * rng.uniform(0.1, 1), at + late)
        else:
            add(wave, burst(rng, 0.08, low, low * 12, 0.012), at)
            add(wave, 0.5 * burst(rng, 0.08, low * 2, low * 16, 0.015), at + rng.uniform(0.06, 0.12))
    return dry(rng, wave, 0.03)


def keyboard(rng: Draw) -> Wave:
    """Typing."""
    wave, hz = np.zeros(COUNT), rng.uniform(1500, 4000)
    for at in spots(rng, rng.uniform(0, 0.3), lambda: rng.uniform(0.06, 0.28)):
        for late, level in ((0.0, 1.0), (rng.uniform(0.05, 0.11), 0.5)):
            tap = burst(rng, 0.03, hz * 0.4, hz * rng.uniform(1.5, 2.2), rng.uniform(0.002, 0.006))
            add(wave, tap * level * rng.uniform(0.4, 1), at + late)
            add(wave, 0.3 * struck(rng, 0.03, [(rng.uniform(250, 700), 1, 0.03)]) * level, at + late)
    return dry(rng, wave, 0.05)


def glass(rng: Draw) -> Wave:
    """A pane that breaks, and its splinters."""
    wave = np.zeros(COUNT)
    for at in spots(rng, rng.uniform(0, 1.0), lambda: rng.uniform(1.5, 3), 2):
        add(wave, 3 * burst(rng, 0.3, 1500, 7800, rng.uniform(0.02, 0.08)), at)
        for late in rng.exponential(rng.uniform(0.15, 0.5), int(rng.uniform(25, 90))):
            modes = [(rng.uniform(2000, 7600), rng.uniform(0.2, 1), rng.uniform(0.05, 0.3)) for _ in range(3)]
            add(wave, struck(rng, 0.3, modes) * rng.uniform(0.05, 0.7) * np.exp(-late), at + late)
    return dry(rng, wave)


def bells(rng: Draw) -> Wave:
    """Church bells."""
    wave = np.zeros(COUNT)
    roots = [rng.uniform(250, 900) for _ in range(int(rng.integers(1, 4)))]
    partials = (
        (0.5, 0.6, 1.0),
        (1, 0.7, 0.7),
        (1.19, 0.8, 0.6),
        (1.5, 0.4, 0.5),
        (2, 1, 0.5),
        (2.51, 0.5, 0.4),
        (2.66, 0.5, 0.4),
        (3.01, 0.6, 0.35),
        (4.17, 0.5, 0.25),
        (5.43, 0.4, 0.2),
        (6.8, 0.3, 0.15),
    )
    rest = rng.choice([0.35, 0.7, 1.4])
    for number, at in enumerate(spots(rng, rng.uniform(0, 0.4), lambda: rest * rng.uniform(0.9, 1.15))):
        root, long = roots[number % len(roots)], rng.uniform(3, 9)
        hit = sum(
            struck(rng, 4.0, [(root * r * w, a, long * d) for r, a, d in partials])
            for w in (1.0, rng.uniform(1.001, 1.006))
        )
        hit[: size(0.05)] += 3 * burst(rng, 0.05, 1500, 7000, 0.01)
        add(wave, hit, at)
    return dry(rng, wave)


def siren(rng: Draw) -> Wave:
    """Wails, yelps and two-tone horns."""
    low, high = rng.uniform(350, 700), rng.uniform(1000, 1700)
    if rng.random() < 0.35:
        half = rng.uniform(0.3, 0.7)
        hz = np.where(TIME % (2 * half) < half, low, low * rng.uniform(1.25, 1.4))
    else:
        turn = TIME / rng.choice([0.3, 2.0, 3.5]) % 1
        hz = low * (high / low) ** np.where(
            turn < 0.55, np.sin(turn / 0.55 * np.pi / 2), np.cos((turn - 0.55) / 0.45 * np.pi / 2)
        )
    tilt = rng.uniform(0.7, 1.4)
    return dry(rng, voice(rng, hz, [(1500.0, 1500, 1.0)], np.ones(COUNT), 0.02, tilt, 0.001), 0.1)


def alarm(rng: Draw) -> Wave:
    """The beeps of an alarm clock."""
    beep, pulses = rng.uniform(0.05, 0.15), int(rng.integers(2, 5))
    cycle = pulses * 2 * beep + rng.uniform(0.2, 0.7)
    within = TIME % cycle
    gate = (within < pulses * 2 * beep) & (within % (2 * beep) < beep)
    hz = rng.uniform(1500, 3200)
    return dry(
        rng,
        gate * (np.sin(2 * np.pi * hz * TIME) + rng.uniform(0, 0.6) * np.sin(6 * np.pi * hz * TIME) * (3 * hz < 7800)),
    )


def horn(rng: Draw) -> Wave:
    """A car's horn."""
    hz = rng.uniform(330, 480)
    pair = sum(
        (
            np.sin(2 * np.pi * hz * r * n * TIME) / n**0.6
            for r in (1, rng.choice([1.19, 1.25]))
            for n in range(1, 16)
            if n * r * hz < 7800
        ),
        np.zeros(COUNT),
    )
    on, off = rng.uniform(0.15, 1.5), rng.uniform(0.15, 1.2)
    gate = scipy.signal.fftconvolve((TIME % (on + off) < on).astype(float), np.ones(200) / 200, "same")
    return dry(rng, band(np.tanh(pair), 250, 4500) * gate)


def fireworks(rng: Draw) -> Wave:
    """Bangs and crackle."""
    wave = np.zeros(COUNT)
    for at in spots(rng, rng.uniform(0, 0.5), lambda: rng.exponential(0.6) + 0.08):
        bang = noise(rng, size(0.7), 1.6, 40, rng.uniform(700, 4000)) * np.exp(
            -np.arange(size(0.7)) / RATE_HZ / rng.uniform(0.05, 0.2)
        )
        add(wave, bang * rng.uniform(0.3, 1), at)
        if rng.random() < 0.4:
            for late in rng.uniform(0.1, 1.0, 40):
                add(wave, burst(rng, 0.02, 1000, 7000, 0.003) * rng.uniform(0.05, 0.4), at + late)
    return dry(rng, wave)


def placed(rng: Draw, wave: Wave) -> Wave:
    """In a room or in the open, heard through a microphone: a short fading answer, a tilt, a little noise."""
    answer = rng.uniform(0.1, 0.9)
    late = np.arange(size(answer)) / RATE_HZ
    room = rng.standard_normal(len(late)) * 10 ** (-3 * late / answer)
    room = band(room, 150, rng.uniform(2000, 7000))
    wet = scipy.signal.fftconvolve(wave, room / np.sqrt((room**2).sum()))[: len(wave)]
    wave = wave + rng.choice([0.0, 0.1, 0.3, 0.6]) * wet
    spectrum = np.fft.rfft(wave)
    hz = np.fft.rfftfreq(len(wave), 1 / RATE_HZ)
    wave = np.fft.irfft(spectrum * (np.maximum(hz, 50) / 1000) ** rng.uniform(-0.25, 0.25), len(wave))
    hush = 10 ** (rng.uniform(-70, -30) / 20) * float(np.abs(wave).max())
    return np.asarray(wave + hush * noise(rng, len(wave), rng.uniform(0.5, 1.8)))


KINDS: dict[str, Callable[[Draw], Wave]] = {
    function.__name__: function
    for function in (
        dog, rooster, rain, sea, fire, baby, sneeze, clock, helicopter, chainsaw, cat, sheep, owl, frog, crickets,
        birds, laugh, engine, thunder, wind, stream, drip, footsteps, keyboard, glass, bells,
        siren, alarm, horn, fireworks, )
}  # fmt: skip


def draw(kind: str, number: int) -> NDArray[np.float32]:
    """Variation `number` of a kind, float32 [80000] at 16 kHz, its peak at -14 to -1 dB; the same on every run."""
    rng = np.random.default_rng([number, *kind.encode()])
    wave = placed(rng, KINDS[kind](rng))
    wave = wave - float(wave.mean())
    wave *= 10 ** (rng.uniform(-14, -1) / 20) / max(float(np.abs(wave).max()), 1e-9)
    return wave.astype(np.float32)
