"""How near the sampler comes to FluidSynth, the player that most fonts are voiced by: the same notes through both.

Per program 24 notes of random pitch and velocity (seed 0), alone in its part, without room or chorus. Compared are
levels of 40 bands in steps of 43 ms, as far as one of both is within 70 dB of the loudest: their correlation, and the
median difference of low, middle and high bands. FluidSynth is a program of its own; it is in Debian and Homebrew.

Run: OMP_NUM_THREADS=1 python -m benchmarks.quality.soundfont [--font FILE] [--fluidsynth PROGRAM]
"""

import argparse
import struct
import subprocess
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import soundfile

from benchmarks.speed.soundfont import Note, Part
from storysound.media.arrays import RATE_HZ, Floats, Samples
from storysound.media.soundfont.font import SoundFont
from storysound.media.soundfont.synthesis import Sampler
from storysound.weights.resolver import Resolver

PROGRAMS = {  # program, lowest and highest pitch, how long notes are
    "piano": (0, 36, 90, 0.8), "electric piano": (4, 40, 80, 0.8), "glockenspiel": (9, 70, 95, 0.5),
    "guitar": (24, 40, 76, 0.6), "bass": (32, 28, 50, 0.6), "cello": (42, 36, 70, 1.0), "harp": (46, 40, 90, 0.5),
    "strings": (48, 40, 80, 1.5), "choir": (52, 45, 76, 1.5), "trumpet": (56, 55, 80, 0.6), "horn": (60, 45, 72, 0.8),
    "oboe": (68, 60, 84, 0.6), "flute": (73, 60, 90, 0.6), "pad": (89, 45, 76, 2.0), "drums": (0, 35, 57, 0.1),
}  # fmt: skip
SECONDS, NOTES, TICKS = 16.0, 24, 960  # ticks of a MIDI file in a second, at its usual tempo


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--font", type=Path, help="an SF2 or SF3 file; by default the one of models.toml")
    parser.add_argument("--fluidsynth", default="fluidsynth", help="the program, where it isn't on the path")
    asked = parser.parse_args()
    font = asked.font or Resolver(offline=True).path("musescore_general_lite.sf3")
    sampler, rng = Sampler(SoundFont(font)), np.random.default_rng(0)
    print("| program | r | low | middle | high, dB |\n|---|---|---|---|---|")
    for name, (program, low, high, held) in PROGRAMS.items():
        notes = [
            Note(0.2 + 0.6 * at, held, int(rng.integers(low, high)), int(rng.integers(30, 125))) for at in range(NOTES)
        ]
        part = Part(name, program, name == "drums", tuple(notes), gain_db=0.0)
        ours = bands(np.concatenate(list(sampler.stem(part, SECONDS)), axis=1))
        theirs = bands(by_fluidsynth(asked.fluidsynth, font, part))
        r, *differences = compared(ours, theirs[: len(ours)])
        print(f"| {name} | {r:.3f} | " + " | ".join(f"{each:+.1f}" for each in differences) + " |")


def by_fluidsynth(program: str, font: Path, part: Part) -> Samples:
    """The part as FluidSynth plays it: [2 n]."""
    with tempfile.TemporaryDirectory() as folder:
        notes, sound = Path(folder, "notes.mid"), Path(folder, "sound.wav")
        notes.write_bytes(midi(part))
        settings = ["-R", "0", "-C", "0", "-g", "1", "-r", str(RATE_HZ), "-T", "wav", "-O", "float"]
        command = [program, "-ni", *settings, "-F", str(sound), str(font), str(notes)]
        subprocess.run(command, check=True, capture_output=True)
        samples: Samples = soundfile.read(sound, always_2d=True, dtype="float32")[0].T
    return np.pad(samples, ((0, 0), (0, max(0, round(SECONDS * RATE_HZ) - samples.shape[1]))))


def midi(part: Part) -> bytes:
    """A file of one track, at full volume in the middle."""
    channel = 9 if part.drums else 0
    events = [(0, bytes([0xB0 | channel, 7, 127])), (0, bytes([0xC0 | channel, part.program]))]
    for note in part.notes:
        events.append((round(note.start_s * TICKS), bytes([0x90 | channel, note.pitch, note.velocity])))
        events.append((round((note.start_s + note.length_s) * TICKS), bytes([0x80 | channel, note.pitch, 0])))
    track, now = b"", 0
    for at, event in sorted(events, key=lambda each: each[0]):
        track += _delta(at - now) + event
        now = at
    track += _delta(2 * TICKS) + b"\xff\x2f\0"
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, TICKS // 2) + b"MTrk" + struct.pack(">I", len(track)) + track


def _delta(ticks: int) -> bytes:
    """A number as MIDI files have it, seven bits a byte."""
    found = [ticks & 127]
    while ticks := ticks >> 7:
        found.insert(0, 128 | ticks & 127)
    return bytes(found)


def bands(samples: Samples) -> Floats:
    """Levels [t 40] in decibels of sound [2 n]."""
    size = 4096
    frames = np.lib.stride_tricks.sliding_window_view(samples.mean(axis=0), size)[:: size // 2] * np.hanning(size)
    power = np.abs(np.fft.rfft(frames)) ** 2
    edges = (np.geomspace(50, 15_000, 41) / RATE_HZ * size).astype(int)
    summed = np.stack([power[:, a : max(b, a + 1)].mean(axis=1) for a, b in pairwise(edges)], axis=1)
    return np.asarray(10 * np.log10(summed + 1e-9), np.float32)


def compared(ours: Floats, theirs: Floats) -> tuple[float, float, float, float]:
    """Correlation of levels [t 40], and median difference in low, middle and high bands."""
    ours = ours[: len(theirs)]
    floor = max(ours.max(), theirs.max()) - 70
    heard = (ours > floor) | (theirs > floor)
    ours, theirs = np.maximum(ours, floor), np.maximum(theirs, floor)
    r = float(np.corrcoef(ours[heard], theirs[heard])[0, 1])
    thirds = [
        float(np.median((ours - theirs)[:, part][heard[:, part]])) for part in (slice(14), slice(14, 28), slice(28, 40))
    ]
    return r, thirds[0], thirds[1], thirds[2]


if __name__ == "__main__":
    main()
