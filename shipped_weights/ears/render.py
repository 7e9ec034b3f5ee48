"""Audio that is rendered, not recorded: General MIDI soundfonts through fluidsynth, voices through espeak-ng.

Both programs come from the distribution (`apt-get install fluidsynth espeak-ng`); the soundfonts are fetched like any
package. Everything is drawn from fixed seeds, so that a second run gives the same audio.
"""

import io
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import soundfile

from shipped_weights.ears import signals, voices, written
from shipped_weights.ears.sources import Source, fetch

SOUNDFONTS = {  # name of the source -> (package, its licence)
    "gm-musescore": ("musescore-general-soundfont", "MIT"),
    "gm-fluid": ("fluid-soundfont-gm", "MIT"),
    "gs-fluid": ("fluid-soundfont-gs", "MIT"),
    "gm-timgm6mb": ("timgm6mb-soundfont", "GPL-2"),
    "gm-opl3": ("opl3-soundfont", "public domain"),
}
SOLO_FONTS = {  # the instruments and drums that the corpus lacked, alone
    "solo-musescore": "gm-musescore",
    "solo-fluid": "gm-fluid",
    "solo-fluid-gs": "gs-fluid",
}
LICENCES = (
    {name: licence for name, (_, licence) in SOUNDFONTS.items()}
    | {name: SOUNDFONTS[font][1] for name, font in SOLO_FONTS.items()}
    | {
        "voices-espeak": "GPL-3+ (program); output free",
        "voices-more": "GPL-3+ (espeak-ng), BSD-like (flite, festival and their voices); output free",
        "signals": "made by this project's own formulas",
        "tracker-music": "those of the games the modules come with (GPL and others)",
        "midi-music": "those of the packages the MIDI files come with (GPL and others)",
    }
)
TICKS_PER_S = 480  # 120 bpm at 240 ticks a quarter
TAIL_S = 1.0
Note = tuple[float, float, int, int, int]  # start_s, length_s, channel, key, velocity
Song = tuple[str, list[Note], list[tuple[int, int, int]]]  # title, notes, (channel, bank, program) to set up
SENTENCES = (
    "The storm had passed, and the whole village came down to the harbour to look at the boats.",
    "Wait! Did you hear that? Somebody is standing behind the door.",
    "One, two, three, four, five. The next train leaves from platform seven.",
    "She laughed and said that nobody had ever asked her such a strange question before.",
)


def members(name: str, cache: Path) -> Iterator[tuple[str, bytes]]:
    """(name, WAV bytes) of every rendering of one source."""
    made = {
        "voices-espeak": _voices,
        "voices-more": voices.members,
        "signals": signals.members,
        "tracker-music": partial(written.members, "tracker-music", cache),
        "midi-music": partial(written.members, "midi-music", cache),
    }
    if name in made:
        yield from made[name]()
        return
    package = fetch(Source("apt", SOUNDFONTS[SOLO_FONTS.get(name, name)][0]), cache / "downloads")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["dpkg-deb", "-x", str(package), folder], check=True)
        fonts = [f for f in sorted(Path(folder).rglob("*.sf[23]")) if not f.is_symlink()]
        for font in fonts:
            songs = list(_solos() if name in SOLO_FONTS else _general_midi())
            for first in range(0, len(songs), 40):
                for title, audio in _play(font, songs[first : first + 40]):
                    yield f"{font.stem}/{title}.wav", audio


def _play(font: Path, songs: list[Song]) -> Iterator[tuple[str, bytes]]:
    """Render songs one after another in one go (loading a soundfont takes seconds), then cut them apart."""
    starts, at = [], 0.0
    for _, notes, _ in songs:
        starts.append(at)
        at += max(n[0] + n[1] for n in notes) + TAIL_S
    with tempfile.TemporaryDirectory() as folder:
        midi, wav = Path(folder, "a.mid"), Path(folder, "a.wav")
        midi.write_bytes(_midi(songs, starts))
        command = ["fluidsynth", "-ni", "-q", "-r", "44100", "-g", "0.5", "-F", str(wav), str(font), str(midi)]
        subprocess.run(command, check=True, capture_output=True, timeout=1200)
        samples, rate_hz = soundfile.read(wav, dtype="int16")
    for (title, _, _), start, end in zip(songs, starts, [*starts[1:], at], strict=True):
        cut = io.BytesIO()
        soundfile.write(cut, samples[int(start * rate_hz) : int(end * rate_hz)], rate_hz, format="WAV")
        yield title, cut.getvalue()


def _midi(songs: list[Song], starts: list[float]) -> bytes:
    """A one-track standard MIDI file of all songs, each with its own instruments set up as it begins."""
    events: list[tuple[int, int, bytes]] = []
    for (_, notes, setup), start in zip(songs, starts, strict=True):
        tick = int(start * TICKS_PER_S)
        for channel, bank, program in [(9, 0, 0), *setup]:
            events.append((tick, 2, bytes([0xB0 | channel, 0, bank])))
            events.append((tick, 3, bytes([0xC0 | channel, program])))
        for start_s, length_s, channel, key, velocity in notes:
            on, off = start + start_s, start + start_s + length_s
            events.append((int(on * TICKS_PER_S), 4, bytes([0x90 | channel, key, velocity])))
            events.append((int(off * TICKS_PER_S), 1, bytes([0x80 | channel, key, 0])))
    track, now = b"", 0
    for tick, _, body in sorted(events, key=lambda e: e[:2]):
        track += _varint(tick - now) + body
        now = tick
    track += _varint(2 * TICKS_PER_S) + b"\xff\x2f\x00"
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, 240) + b"MTrk" + struct.pack(">I", len(track)) + track


def _varint(value: int) -> bytes:
    parts = [value & 0x7F]
    while value := value >> 7:
        parts.append(0x80 | (value & 0x7F))
    return bytes(reversed(parts))


def _phrase(program: int, rng: np.random.Generator) -> list[Note]:
    """Held notes in three registers, a chord, then a quick run: about 8 s of one instrument."""
    root = int(rng.integers(40, 52)) + (12 if program in range(72, 80) else 0)
    scale = [0, 2, 4, 5, 7, 9, 11] if rng.random() < 0.5 else [0, 2, 3, 5, 7, 8, 10]
    notes: list[Note] = [(i * 0.9, 0.8, 0, root + 12 * i, 70 + 15 * i) for i in range(3)]
    notes += [(2.8, 1.4, 0, root + 12 + scale[k], 90) for k in (0, 2, 4)]
    step = float(rng.uniform(0.14, 0.3))
    for i in range(14):
        key = root + 12 + scale[int(rng.integers(7))] + 12 * int(rng.integers(2))
        notes.append((4.4 + i * step, step * 0.9, 0, key, int(rng.integers(60, 120))))
    return notes


def _ensemble(rng: np.random.Generator) -> tuple[list[Note], list[tuple[int, int, int]]]:
    """A 16-s loop of melody, chords, bass and drums on random instruments."""
    setup = [
        (0, 0, int(rng.integers(104))),
        (1, 0, int(rng.integers(56))),
        (2, 0, int(rng.integers(32, 40))),
    ]
    minor = rng.random() < 0.5
    beat = 60 / float(rng.uniform(60, 160))
    notes: list[Note] = []
    root, at = int(rng.integers(45, 57)), 0.0
    drums = rng.random() < 0.7
    while at < 15:
        degree = int(rng.choice([0, 3, 4, 5])) if not minor else int(rng.choice([0, 3, 5, 7]))
        chord = [0, 3 if minor else 4, 7]
        notes += [(at, beat * 3.8, 1, root + degree + c, 60) for c in chord]
        for i in range(4):
            notes.append((at + i * beat, beat * 0.8, 2, root + degree - 24, 90))
            if rng.random() < 0.75:
                notes.append(
                    (at + i * beat, beat * 0.7, 0, root + 12 + degree + int(rng.choice([*chord, 12, 2, 9])), 100)
                )
            if drums:
                notes.append((at + i * beat, 0.1, 9, (36, 38, 36, 40)[i], 110))
                notes += [(at + (i + h) * beat, 0.1, 9, 42, 70) for h in (0, 0.5)]
        at += 4 * beat
    return notes, setup


def _general_midi() -> Iterator[Song]:
    rng = np.random.default_rng(7)
    for program in range(128):
        yield f"program{program:03d}", _phrase(program, rng), [(0, 0, program)]
    for program in range(120, 128):  # the effects bank with its GS variations
        for bank in range(10):
            notes: list[Note] = [(3.2 * i, 3.0, 0, key, 110) for i, key in enumerate((60, 52, 67))]
            yield f"effect{program}-{bank}", notes, [(0, bank, program)]
    yield from _drums()
    for number in range(60):
        yield f"ensemble{number:02d}", *_ensemble(rng)


def _drums() -> Iterator[Song]:
    rng = np.random.default_rng(11)
    for kit in (0, 8, 16, 24, 25, 32, 40, 48, 56):
        for low in range(27, 88, 8):
            notes: list[Note] = [(0.5 * i, 0.4, 9, low + i % 8, 60 + 8 * (i % 8)) for i in range(16)]
            yield f"kit{kit}-{low}", notes, [(9, 0, kit)]
        for number in range(4):
            step = float(rng.uniform(0.1, 0.22))
            beat = [
                (i * step, 0.1, 9, int(rng.choice([36, 38, 42, 46, 49, 51, 45, 50, 39, 54])), 100) for i in range(64)
            ]
            yield f"kit{kit}-beat{number}", [n for n in beat if rng.random() < 0.7], [(9, 0, kit)]


SOLO_PROGRAMS = (
    4, 6, 9, 11, 12, 14, 15, 20, 21, 22, 24, 25, 26, 29, 30, 40, 42, 44, 45, 46, 47, 48, 49, 52, 53, 54, 55, 68, 71, 73,
    74, 75, 77, 78, 79, 91, 104, 105, 106, 107, 109, 112, 114, 115,
)  # fmt: skip
SOLO_DRUMS = (
    26,
    28,
    29,
    30,
    31,
    33,
    34,
    37,
    39,
    54,
    56,
    58,
    60,
    64,
    66,
    68,
    69,
    70,
    72,
    73,
    75,
    76,
    78,
    80,
    82,
    83,
    84,
    85,
)


def _solos() -> Iterator[Song]:
    """Each instrument alone in four manners, each drum alone in four rhythms."""
    rng = np.random.default_rng(19)
    manners = (_melody, _strummed, _rolled, _sustained)
    for program in SOLO_PROGRAMS:
        for manner in manners:
            yield f"solo{program:03d}-{manner.__name__[1:]}", manner(rng), [(0, 0, program)]
    for key in SOLO_DRUMS:
        for number in range(4):
            step = float(rng.uniform(0.11, 0.45))
            pattern = rng.random(8) < rng.uniform(0.5, 1.0)
            pattern[0] = True
            beats: list[Note] = [
                (i * step, 0.1, 9, key, int(rng.integers(70, 125))) for i in range(int(5 / step)) if pattern[i % 8]
            ]
            yield f"drum{key}-{number}", beats, [(9, 0, 0)]


def _melody(rng: np.random.Generator) -> list[Note]:
    """A line of even and long notes over an octave and a half."""
    root, at = int(rng.integers(50, 66)), 0.0
    notes: list[Note] = []
    while at < 6:
        length = float(rng.choice([0.2, 0.4, 0.4, 0.8]))
        key = root + int(rng.choice([0, 2, 4, 5, 7, 9, 11, 12, 14, 16]))
        notes.append((at, length * 0.95, 0, key, int(rng.integers(60, 120))))
        at += length
    return notes


def _strummed(rng: np.random.Generator) -> list[Note]:
    """Full chords, their notes a few milliseconds apart, up and down."""
    step, notes, root = float(rng.uniform(0.22, 0.5)), [], int(rng.integers(40, 52))
    for number in range(int(6 / step)):
        shift = (0, 0, 5, 7)[number * 4 // int(6 / step) % 4]
        keys = [root + shift + k for k in (0, 7, 12, 16, 19, 24)][:: 1 if number % 2 == 0 else -1]
        apart = float(rng.uniform(0.006, 0.02))
        notes += [(number * step + i * apart, step, 0, k, int(rng.integers(60, 110))) for i, k in enumerate(keys)]
    return notes


def _rolled(rng: np.random.Generator) -> list[Note]:
    """Broken chords and fast repeated notes (tremolo)."""
    step, root = float(rng.uniform(0.07, 0.15)), int(rng.integers(48, 64))
    repeated = rng.random() < 0.5
    keys = [0, 4, 7, 12] if rng.random() < 0.5 else [0, 3, 7, 10]
    return [
        (i * step, step, 0, root + keys[(i // 8 if repeated else i) % 4], int(rng.integers(70, 115)))
        for i in range(int(6 / step))
    ]


def _sustained(rng: np.random.Generator) -> list[Note]:
    """Long chords, as of a section or a choir."""
    root = int(rng.integers(45, 58))
    return [(2.0 * i, 2.0, 0, root + (0, 5, 7)[i] + k, 95) for i in range(3) for k in (0, 7, 12, 16)]


def _voices() -> Iterator[tuple[str, bytes]]:
    listing = subprocess.run(["espeak-ng", "--voices"], check=True, capture_output=True, text=True).stdout
    languages = [line.split()[1] for line in listing.splitlines()[1:]]
    rng = np.random.default_rng(3)
    variants = ["", "+f1", "+f2", "+f3", "+f4", "+m1", "+m3", "+m5", "+m7", "+croak", "+whisper"]
    for number, language in enumerate(languages + ["en-gb", "en-us"] * 20):
        voice = f"{language}{rng.choice(variants)}"
        command = [
            "espeak-ng",
            "-v",
            voice,
            "-s",
            str(int(rng.integers(110, 210))),
            "-p",
            str(int(rng.integers(20, 80))),
        ]
        text = SENTENCES[number % len(SENTENCES)]
        answer = subprocess.run([*command, "--stdout", text], check=False, capture_output=True, timeout=60)
        if len(answer.stdout) > 20_000:
            yield f"{number:03d}-{voice}.wav", answer.stdout
