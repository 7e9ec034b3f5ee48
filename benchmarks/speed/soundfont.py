"""How fast notes become sound, and in how much memory: a minute of made music, by ensemble, each in a fresh process.

Music is drawn at random, as dense as a score for a film: chords, an accompaniment in quavers or semiquavers, a tune, a
bass and drums, by voices of the ensemble, with a velocity of its own for every note. What is timed is everything from
the first import of the sampler to the last sample in its room, in seconds of the processor; memory is the most that the
process ever held.

Run: OMP_NUM_THREADS=1 python -m benchmarks.speed.soundfont [--font FILE] [--seconds 60] [--seed 0]
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ENSEMBLES: dict[str, dict[str, int]] = {  # General MIDI programs; drums: a kit
    "piano": {"tune": 0, "chords": 0, "figure": 0, "bass": 0},
    "strings": {"tune": 48, "chords": 48, "figure": 45, "bass": 43},
    "orchestra": {"tune": 73, "chords": 48, "figure": 46, "bass": 43, "counter": 60, "drums": 0},
    "guitar": {"tune": 24, "chords": 24, "figure": 24, "bass": 32},
    "pads": {"tune": 11, "chords": 89, "figure": 4, "bass": 39},
}
_BPM = 100.0


@dataclass(frozen=True)
class Note:
    """One note."""

    start_s: float
    length_s: float
    pitch: int
    velocity: int


@dataclass(frozen=True)
class Part:
    """The notes of one instrument."""

    name: str
    program: int
    drums: bool
    notes: tuple[Note, ...]
    pan: float = 0.0
    gain_db: float = -6.0


def main() -> None:
    """Measure each ensemble in a process of its own, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--font", type=Path, help="an SF2 or SF3 file; by default the one of models.toml")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=ENSEMBLES, help="measure this ensemble here, and print JSON")
    asked = parser.parse_args()
    if asked.only:
        print(json.dumps(measured(asked.only, asked.font, asked.seconds, asked.seed)))
        return
    print(f"{processor()}; {asked.seconds:.0f} s, seed {asked.seed}")
    print("| ensemble | notes | × real time, with load | most memory, MB |")
    print("|---|---|---|---|")
    for name in ENSEMBLES:
        command = [sys.executable, "-m", "benchmarks.speed.soundfont", "--only", name]
        command += [f"--seconds={asked.seconds}", f"--seed={asked.seed}"] + (
            [f"--font={asked.font}"] if asked.font else []
        )
        row = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        print(f"| {name} | {row['notes']} | {row['speed']:.0f} | {row['memory_mb']:.0f} |")


def measured(ensemble: str, font: Path | None, seconds: float, seed: int) -> dict[str, float]:
    """Notes, speed and memory of one ensemble, in this process."""
    if font is None:
        from storysound.weights.resolver import Resolver

        font = Resolver(offline=True).path("musescore_general_lite.sf3")
    begun = time.process_time()
    from storysound.media.soundfont.font import SoundFont
    from storysound.media.soundfont.room import Room, in_room
    from storysound.media.soundfont.synthesis import Sampler

    parts = music(ensemble, seconds, seed)
    sampler = Sampler(SoundFont(font))
    length = sum(block.shape[1] for block in in_room(sampler.mix(parts, seconds), Room()))
    spent = time.process_time() - begun
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    notes = sum(len(part.notes) for part in parts)
    return {"notes": notes, "speed": length / sampler.rate_hz / spent, "memory_mb": memory}


def music(ensemble: str, seconds: float, seed: int) -> list[Part]:
    """Random music in four bars that go round."""
    import numpy as np

    rng, beat = np.random.default_rng(seed), 60 / _BPM
    roots = [0, -3, 5, 7]
    lines: dict[str, list[Note]] = {name: [] for name in ENSEMBLES[ensemble]}

    def add(line: str, start: float, length: float, pitch: int) -> None:
        if line in lines and start < seconds - 1:
            late = float(rng.normal(0, 0.005)) if start > 0.1 else 0.0
            lines[line].append(Note(start + late, length, pitch, int(rng.integers(55, 105))))

    for bar in range(int(seconds / beat / 4)):
        root, start = roots[bar % 4], bar * 4 * beat
        for step in (0, 4, 7, 12):
            add("chords", start, 3.8 * beat, 55 + root + step)
        for number in range(8):
            add("figure", start + number * beat / 2, 0.45 * beat, 60 + root + (0, 7, 4, 7)[number % 4])
            add("drums", start + number * beat / 2, 0.2, (36, 42, 38, 42, 36, 46, 38, 42)[number])
        for number in range(int(rng.integers(3, 7))):
            add("tune", start + number * beat * 0.6, 0.6 * beat, 72 + root + int(rng.choice([0, 2, 4, 7, 9, 12])))
        for number in (0, 2):
            add("bass", start + number * beat, 1.8 * beat, 36 + root)
            add("counter", start + number * beat, 1.8 * beat, 52 + root + int(rng.choice([0, 4, 7])))
    return [Part(name, ENSEMBLES[ensemble][name], name == "drums", tuple(notes)) for name, notes in lines.items()]


def processor() -> str:
    """Its name, as the system tells it."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "unknown processor")


if __name__ == "__main__":
    main()
