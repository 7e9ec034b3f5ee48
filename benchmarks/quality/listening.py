"""What is heard when, and whether a clip has music.

Run: python -m benchmarks.quality.listening [../shared/data] [--profile P]

Events: 24 sequences of 8 clips of ESC-50 with pauses of 1 to 3 s between them, peaks 0 to 12 dB below .3, in noise at
-65 dBFS (seed 0). A clip is found when an event overlaps one of its sounding stretches whose label is nearer, in
MiniLM's space, to the clip's own class word than to the other 49; precision is the share of events that are right so.
Onsets are compared with the nearest stretch, which begins where the level comes within 35 dB of the clip's peak.

Moments: the same sequences as a library of 24 files; each class word that is in them is looked for, names ignored. Of
the best hits whose file holds the class: does the moment pointed to overlap it, and how much of the moment is the
class, beside how much of the ten-second segment around its middle.

Music: ten seconds of tracks alone, and 0 to 18 dB below four voices (those of `benchmarks.quality.speech_removal`),
against the voices alone and with sounds that are no music (forty clips of twenty classes of ESC-50). A mix has music
where `annotate.own_sound` finds it for half of the time or more.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.quality import labelled
from benchmarks.quality.speech_removal import speakers
from storysound.annotate.own_sound import music_spans
from storysound.config import load_profile
from storysound.encode import separator, silero
from storysound.encode.encoder import load
from storysound.encode.labels import label_space, text_vectors
from storysound.encode.pool import Models
from storysound.encode.wording import synonyms
from storysound.jobs.find.finder import Finder
from storysound.jobs.index import index
from storysound.jobs.index.request import IndexRequest
from storysound.jobs.listen.listen import detectors_of, listen
from storysound.match.query import Query
from storysound.media.arrays import Samples
from storysound.media.audio import Waveform, read_audio, write_wav
from storysound.media.recording import of_wave
from storysound.progress import Watch
from storysound.story import Span
from storysound.weights.resolver import Resolver

RATE_HZ = 44_100
MIX_RATE_HZ, MIX_S = 48_000, 10
LEVELS_DB = (0, -6, -12, -18)
NO_MUSIC = (
    "rain sea_waves wind crackling_fire crickets chirping_birds engine helicopter vacuum_cleaner washing_machine "
    "airplane train thunderstorm clock_tick footsteps keyboard_typing dog laughing siren church_bells"
).split()


def sounding(samples: Samples) -> list[tuple[float, float]]:
    """Stretches of a clip above a level, gaps of half a second bridged."""
    hop = RATE_HZ // 50
    peaks = np.abs(samples[: len(samples) // hop * hop]).reshape(-1, hop).max(axis=1)
    found: list[list[int]] = []
    for i in np.flatnonzero(peaks > max(float(peaks.max()) * 10 ** (-35 / 20), 1e-4)).tolist():
        if found and i - found[-1][1] <= 25:
            found[-1][1] = i + 1
        else:
            found.append([i, i + 1])
    return [(a / 50, b / 50) for a, b in found if b - a >= 2]


def sequences(shared: Path, count: int = 24, clips: int = 8) -> Iterator[tuple[Waveform, list[tuple[str, list[Span]]]]]:
    """A sound, and of each clip in it the class and where it sounds."""
    rows, rng = labelled(shared), np.random.default_rng(0)
    for _ in range(count):
        parts: list[Samples] = []
        truth, at_s = [], 0.0
        for number in rng.choice(len(rows), clips, replace=False):
            pause = np.zeros(int(rng.uniform(1, 3) * RATE_HZ), np.float32)
            clip = read_audio(shared / "esc50" / rows[number]["file"], rate_hz=RATE_HZ, channels=1).samples[0]
            clip = clip * 0.3 / max(float(np.abs(clip).max()), 1e-4) * 10 ** (rng.uniform(-12, 0) / 20)
            at_s += len(pause) / RATE_HZ
            truth.append((rows[number]["category"], [Span(at_s + a, at_s + b) for a, b in sounding(clip)]))
            at_s += len(clip) / RATE_HZ
            parts += [pause, clip]
        samples = np.concatenate(parts)
        noise = rng.normal(0, 10 ** (-65 / 20), len(samples))
        yield Waveform((samples + noise).astype(np.float32)[None], RATE_HZ), truth


def events(shared: Path, profile: str, weights: Resolver) -> dict[str, float]:
    """How many clips of the sequences are found, and how many events are right."""
    ears, text = detectors_of(Models(load_profile(profile), weights)), load("minilm", weights)
    classes = sorted({row["category"] for row in labelled(shared)})
    words = text_vectors(text, [name.replace("_", " ") for name in classes])
    labels = ears.classes.labels
    space = label_space("audioset", labels, [synonyms(label) for label in labels], text, None)
    meant = {label: classes[i] for label, i in zip(labels, (space.vectors @ words.T).argmax(axis=1), strict=True)}
    found: list[bool] = []
    right: list[bool] = []
    late_s: list[float] = []
    with tempfile.TemporaryDirectory() as scratch:
        for wave, truth in sequences(shared):
            write_wav(Path(scratch) / "sequence.wav", wave)
            told = listen(Path(scratch) / "sequence.wav", ears).events
            for name, spans in truth:
                own = [e for e in told if meant[e.label] == name and any(e.span.overlap_s(s) > 0 for s in spans)]
                found.append(bool(own))
                if own:
                    onset_s = max(own, key=lambda event: event.score).start_s
                    late_s.append(min((onset_s - span.start_s for span in spans), key=abs))
            right += [
                any(meant[e.label] == name and any(e.span.overlap_s(s) > 0 for s in spans) for name, spans in truth)
                for e in told
            ]
    return {
        "clips": len(found),
        "found": float(np.mean(found)),
        "events_per_clip": len(right) / len(found),
        "events_right": float(np.mean(right)),
        "onset_late_median_s": float(np.median(late_s)),
        "onset_error_median_s": float(np.median(np.abs(late_s))),
    }


def moments(shared: Path, profile: str, weights: Resolver) -> dict[str, float]:
    """How well hits point to the moment that was meant."""
    truth: dict[str, list[tuple[str, list[Span]]]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for number, (wave, parts) in enumerate(sequences(shared)):
            truth[f"{number:02}.wav"] = parts
            write_wav(Path(scratch) / f"{number:02}.wav", wave)
        library = Path(scratch) / "library"
        index.run(IndexRequest((Path(scratch),), library), Models(load_profile(profile), weights), Watch())
        finder = Finder(library, Models(load_profile(profile), weights))
    names = sorted({name for parts in truth.values() for name, _ in parts})
    of_moment, of_segment = [], []
    for name in names:
        (hit,) = finder.search(Query(text=name.replace("_", " ")), 1, ignore_names=True)
        spans = [span for label, own in truth[hit.sound.path] if label == name for span in own]
        moment = Span(hit.start_s, hit.end_s)
        at = int(np.searchsorted(np.arange(0, hit.sound.duration_s, 10), (hit.start_s + hit.end_s) / 2, "right")) - 1
        segment = Span(10 * at, min(10 * at + 10, hit.sound.duration_s))
        if spans:
            for stretch, shares in ((moment, of_moment), (segment, of_segment)):
                shares.append(sum(stretch.overlap_s(span) for span in spans) / stretch.duration_s)
    return {
        "classes": len(names),
        "file_right": len(of_moment),
        "moment_overlaps": float(np.mean(np.array(of_moment) > 0)),
        "class_share_of_moment": float(np.mean(of_moment)),
        "class_share_of_segment": float(np.mean(of_segment)),
    }


def unit(samples: Samples) -> Samples:
    """Ten seconds at a mean level of -22 dBFS; less is repeated."""
    whole = np.resize(samples, MIX_RATE_HZ * MIX_S)
    return whole * np.float32(0.08 / max(float(np.sqrt((whole**2).mean())), 1e-6))


def music(shared: Path, profile: str, weights: Resolver) -> dict[str, float]:
    """Share of mixes in which music is found, by its level below the voice; and where there is none."""
    detector, splitter = silero.load(weights), separator.load(weights)
    encoders = {name: load(name, weights) for name in load_profile(profile).audio}
    voices = [unit(voice[0]) for voice in speakers(shared, detector, weights)]
    rows = labelled(shared)
    tracks = sorted(p for p in (shared / "wesnoth" / "music").glob("*.opus") if p.stem != "silence")
    others = [
        shared / "esc50" / [r["file"] for r in rows if r["category"] == name][i] for name in NO_MUSIC for i in (0, -1)
    ]

    def has_music(samples: Samples) -> bool:
        sound = of_wave(Waveform(np.clip(samples, -1, 1, dtype=np.float32)[None], MIX_RATE_HZ))
        spans = music_spans(sound, detector.speech_spans(sound), encoders, splitter.background)
        return sum(span.duration_s for span in spans) >= MIX_S / 2

    answers: dict[str, list[bool]] = {"voice_alone": []}
    for i in range(16):
        answers["voice_alone"].append(has_music(np.roll(voices[i % 4], -i * 3 * MIX_RATE_HZ)))
    for kind, files in (("music", tracks), ("no_music", others)):
        for i, file in enumerate(files):
            start_s = 5.0 + (i * 7) % 40 if kind == "music" else 0.0
            sound = read_audio(file, rate_hz=MIX_RATE_HZ, channels=1).samples[0]
            first = min(round(start_s * MIX_RATE_HZ), max(0, len(sound) - MIX_S * MIX_RATE_HZ))
            sound = unit(sound[first : first + MIX_S * MIX_RATE_HZ])
            voice = np.roll(voices[i % 4], -i * 3 * MIX_RATE_HZ)
            answers.setdefault(f"{kind}_alone", []).append(has_music(sound))
            for level_db in LEVELS_DB:
                mixed = voice + sound * np.float32(10 ** (level_db / 20))
                answers.setdefault(f"{kind}_{level_db}_dB", []).append(has_music(mixed))
    shares = {name: float(np.mean(found)) for name, found in answers.items()}
    return {"n_music": len(tracks), "n_no_music": len(others), "n_voice_alone": 16, **shares}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    parser.add_argument("data", type=Path, nargs="?", default=default)
    parser.add_argument("--profile", default="embedded")
    parser.add_argument("--only", choices=("events", "moments", "music"))
    args = parser.parse_args()
    weights = Resolver(offline=True)
    parts: dict[str, Any] = {"events": events, "moments": moments, "music": music}
    for name, measure in parts.items():
        if args.only in (None, name):
            print(json.dumps({name: measure(args.data, args.profile, weights)}, indent=1), flush=True)


if __name__ == "__main__":
    main()
