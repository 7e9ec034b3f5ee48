"""Films of every kind through the whole rendering: is what is delivered as loud as asked, and under its ceiling?

Run: python -m benchmarks.quality.films [--seeds FIRST LAST] [--rows ROWS.jsonl]

Each film is made of a seed: its own sound (a voice, blows to one side, noise, a quiet street, music, or none), cues
(music with cymbals, ambience, an effect), a container and codec, a target. The voice is pulses of a glottis through
formants, compressed as voices on films are; a "loud voice" has single peaks of 7 dB more. The sheet is levelled and
rendered (`jobs.render`); the file is then decoded and measured by FFmpeg's ebur128 filter, which is none of our code.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import scipy.signal
from av.filter import Graph

from storysound.cue.levels import LOUDNESS, Levels
from storysound.cue.references import reference_to
from storysound.cue.score import Cue, Layer, Piece, Score
from storysound.cue.sheet import write_json
from storysound.encode.pool import Models
from storysound.jobs.render.render import run
from storysound.jobs.render.request import RenderRequest
from storysound.media.arrays import RATE_HZ, Samples
from storysound.media.audio import Waveform, read_audio, write_wav
from storysound.media.loudness import integrated_lufs, true_peak_dbtp
from storysound.media.probe import probe
from storysound.progress import Watch
from storysound.session import Session
from storysound.story import Sound, Span

KINDS = ("voice", "blows", "noise", "street", "music", "none", "voice and blows", "loud voice")
# Container, codec of the pictures, codec of the sound of the original, container of the result.
FORMS = (
    (".mp4", "mpeg4", "aac", ".mp4"),
    (".mkv", "mpeg4", "flac", ".mkv"),
    (".mov", "mpeg4", "pcm_s24le", ".mov"),
    (".webm", "libvpx", "libopus", ".webm"),
    (".mkv", "mpeg4", "aac", ".mp4"),
    (".mov", "mpeg4", "aac", ".mov"),
    (".mkv", "mpeg4", "libopus", ".mkv"),
)
TARGETS = ("podcast", "ebu", "youtube")
LENGTHS_S = (12, 15, 12, 20, 12, 30, 12, 60)
LONG_S = (120, 300, 900)  # of every 14th film
FPS = 4  # few pictures cost little
SHEET_FPS = 25.0


def formants(source: Samples, rng: np.random.Generator) -> Samples:
    """A source [n] through the formants of a vowel."""
    out = np.zeros_like(source)
    for hz, width, gain in ((500, 80, 1.0), (1500, 120, 0.5), (2500, 160, 0.3), (3500, 300, 0.15)):
        sos = scipy.signal.butter(1, np.array([hz - width, hz + width]) * rng.uniform(0.85, 1.15), "band",
                                  fs=RATE_HZ, output="sos")  # fmt: skip
        out += gain * scipy.signal.sosfilt(sos, source)
    return out


def voice(seconds: float, rng: np.random.Generator, crest: float = 1.0) -> tuple[Samples, list[Span]]:
    """Phrases of syllables [2 n], and where they are; `crest` makes some syllables' first pulses stand out."""
    n = round(seconds * RATE_HZ)
    samples, spans, at_s = np.zeros(n, np.float32), [], 1.0
    while at_s + 4.0 < seconds:
        length_s = rng.uniform(1.5, 3.5)
        spans.append(Span(at_s, at_s + length_s))
        start_s = at_s
        while start_s < at_s + length_s - 0.3:
            lasts_s = rng.uniform(0.12, 0.3)
            count = round(lasts_s * RATE_HZ)
            pulses = np.zeros(count, np.float32)
            pulses[:: round(RATE_HZ / rng.uniform(90, 220))] = 1.0
            pulses += 0.01 * rng.standard_normal(count).astype(np.float32)
            syllable = formants(pulses, rng) * np.sin(np.pi * np.arange(count) / count) ** 0.6
            syllable = 0.25 * rng.uniform(0.5, 1.0) * np.tanh(3.0 * syllable / np.abs(syllable).max())
            if crest > 1.0 and rng.random() < 0.1:
                syllable[: count // 6] *= crest
            first = round(start_s * RATE_HZ)
            samples[first : first + count] += syllable.astype(np.float32)
            start_s += lasts_s + rng.uniform(0.0, 0.08)
        at_s += length_s + rng.uniform(0.4, 4.0)
    return np.tile(samples, (2, 1)) + 2e-4 * rng.standard_normal((2, n)).astype(np.float32), spans


def blows(seconds: float, rng: np.random.Generator) -> Samples:
    """Blows to one side of zero [2 n], decaying within a millisecond to half a second, over a low room tone."""
    n = round(seconds * RATE_HZ)
    samples = 0.005 * rng.standard_normal((2, n))
    side = rng.choice([-1.0, 1.0])
    for start in rng.integers(0, n - RATE_HZ // 2, max(2, round(seconds * 0.8))):
        t = np.arange(RATE_HZ // 2) / RATE_HZ
        samples[:, start : start + len(t)] += side * rng.uniform(0.2, 0.9) * np.exp(-t / 10 ** rng.uniform(-3.3, -1))
    return samples.astype(np.float32)


def music(seconds: float, rng: np.random.Generator) -> Samples:
    """Chords with decaying harmonics and a cymbal on each beat [2 n]."""
    t = np.arange(RATE_HZ // 2) / RATE_HZ
    beats = []
    for _ in range(int(np.ceil(seconds * 2))):
        roots = 110 * 2 ** (rng.choice([0, 2, 4, 5, 7, 9, 11, 12, 16], 3) / 12)
        tones = [np.sin(2 * np.pi * root * k * t + rng.uniform(0, 6)) / k for root in roots for k in range(1, 9)]
        beat = np.sum(tones, axis=0) * np.exp(-t / 0.2) * np.minimum(t / 0.005, 1)
        beats.append(beat + 0.8 * rng.standard_normal(len(t)) * np.exp(-t / 0.05))
    wave = 0.08 * np.concatenate(beats)[: round(seconds * RATE_HZ)]
    return np.stack([wave, np.roll(wave, 40)]).astype(np.float32)


def own_sound(kind: str, seconds: float, rng: np.random.Generator) -> tuple[Samples | None, list[Span]]:
    """A film's own sound [2 n], and where somebody speaks in it."""
    n = round(seconds * RATE_HZ)
    if kind == "none":
        return None, []
    if kind == "noise":
        return (0.15 * rng.standard_normal((2, n))).astype(np.float32), []
    if kind == "street":
        rumble = scipy.signal.lfilter([1.0], [1.0, -0.98], rng.standard_normal((2, n)), axis=1)
        swell = 1.5 + np.sin(2 * np.pi * np.arange(n) / RATE_HZ / 7.0)
        return (5e-4 * rumble * swell).astype(np.float32), []
    if kind == "music":
        return music(seconds, rng), []
    if kind == "blows":
        return blows(seconds, rng), []
    samples, spans = voice(seconds, rng, 2.2 if kind == "loud voice" else 1.0)
    if kind == "voice and blows":
        samples = samples + 0.6 * blows(seconds, rng)
    return samples, spans


def film(path: Path, seconds: float, codec: str, sound: Samples | None, sound_codec: str) -> Path:
    """Small grey pictures with a sound [2 n]."""
    with av.open(str(path), "w") as out:
        video = out.add_stream(codec, rate=FPS)
        video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
        audio = out.add_stream(sound_codec, rate=RATE_HZ, layout="stereo") if sound is not None else None
        for index in range(round(seconds * FPS)):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), index % 250, np.uint8))
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        if audio is not None and sound is not None:
            packed = np.ascontiguousarray(np.clip(sound, -1, 1).T).reshape(1, -1)
            resampler = av.AudioResampler(audio.format.name, "stereo", RATE_HZ, audio.frame_size or 4096)
            frame = av.AudioFrame.from_ndarray(packed, format="flt", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, 0, Fraction(1, RATE_HZ)
            for piece in [*resampler.resample(frame), *resampler.resample(None)]:
                out.mux(audio.encode(piece))
            out.mux(audio.encode(None))
    return path


def cues(folder: Path, seconds: float, rng: np.random.Generator) -> list[Cue]:
    """Music from the start to the end, in two cues, with an ambience and an effect."""
    made = []
    plan: Sequence[tuple[str, Layer, float, float]] = (
        ("music-1", "music", 0.0, 0.55 * seconds),
        ("music-2", "music", 0.55 * seconds - 1.0, seconds),
        ("ambience-1", "ambience", 0.2 * seconds, 0.6 * seconds),
        ("spot-1", "spot", 0.7 * seconds, 0.7 * seconds + 1.5),
    )
    for cue_id, layer, start_s, end_s in plan:
        length_s = end_s - start_s
        if layer == "music":
            samples = music(length_s, rng)
        elif layer == "ambience":
            samples = (0.05 * rng.standard_normal((2, round(length_s * RATE_HZ)))).astype(np.float32)
        else:
            samples = blows(length_s, rng)
        write_wav(folder / f"{cue_id}.wav", Waveform(samples, RATE_HZ))
        sound = Sound(f"{cue_id}.wav", str(folder), length_s, "music" if layer == "music" else "sfx")
        gain_db = {"music": -6.0, "ambience": -14.0, "spot": -6.0}[layer]
        made.append(
            Cue(cue_id, layer, start_s, end_s, sound, (Piece(0.0, length_s, start_s),), gain_db, 0.05, 1.0, 1.0)
        )
    return made


def ebur128(path: Path) -> tuple[float, float]:
    """Integrated loudness in LUFS and true peak in dBTP of the sound of a file, by FFmpeg's filter."""
    graph = Graph()
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        source = graph.add_abuffer(template=stream)
        meter = graph.add("ebur128", "peak=true:metadata=1")
        sink = graph.add("abuffersink")
        source.link_to(meter)
        meter.link_to(sink)
        graph.configure()
        lufs, peak = -np.inf, 0.0
        for frame in [*container.decode(stream), None]:
            graph.push(frame)
            while True:
                try:
                    measured = graph.pull().metadata
                except (av.BlockingIOError, av.EOFError):
                    break
                lufs = float(measured.get("lavfi.r128.I", lufs))
                peaks = [float(text) for name, text in measured.items() if "true_peaks_ch" in name]
                peak = max([peak, *peaks])
    return lufs, 20 * np.log10(peak) if peak else -np.inf


def measured(number: int, folder: Path, models: Models) -> dict[str, object]:
    """One film: made, levelled, rendered, decoded, measured."""
    rng = np.random.default_rng(number)
    kind, target = KINDS[number % len(KINDS)], TARGETS[number // 2 % len(TARGETS)]
    suffix, codec, sound_codec, out_suffix = FORMS[number % len(FORMS)]
    seconds = LONG_S[number // 14 % len(LONG_S)] if number % 14 == 13 else LENGTHS_S[number * 5 % len(LENGTHS_S)]
    own, speech = own_sound(kind, seconds, rng)
    story = film(folder / f"in{suffix}", seconds, codec, own, sound_codec)
    reference = reference_to(story)
    score = Score(
        f"film {number}", float(seconds), SHEET_FPS, (), tuple(cues(folder, seconds, rng)), tuple(speech),
        levels=Levels().aimed(target), story=reference, original=reference if own is not None else None,
    )  # fmt: skip
    write_json(score, folder / "cues.json")
    out = folder / f"out{out_suffix}"
    started_s = time.perf_counter()
    result = run(RenderRequest(folder / "cues.json", out), models, Watch())
    spent_s = time.perf_counter() - started_s
    wave = read_audio(out)
    lufs, peak = ebur128(out)
    sound_of = probe(out).audio
    short = next((note for note in result.notes if "the mix stays" in note), "")
    wanted = LOUDNESS[target].lufs - (float(short.split()[3]) if short else 0.0)
    return {
        "film": number, "kind": kind, "seconds": seconds, "container": out_suffix,
        "codec": sound_of.codec if sound_of else "", "target": target,
        "lufs": round(integrated_lufs(wave), 2), "ebur128_lufs": lufs,
        "error_lu": round(lufs - LOUDNESS[target].lufs, 2), "off_lu": round(lufs - wanted, 2),
        "dbtp": round(true_peak_dbtp(wave), 2), "ebur128_dbtp": round(float(peak), 2),
        "said": round(result.score.loudness["lufs"], 2), "short": short, "render_s": round(spent_s, 1),
    }  # fmt: skip


def main() -> None:
    """Makes, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seeds", type=int, nargs=2, default=(0, 43))
    parser.add_argument("--rows", type=Path)
    given = parser.parse_args()
    rows = []
    models = Session().models
    for number in range(given.seeds[0], given.seeds[1] + 1):
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measured(number, Path(folder), models))
        row = rows[-1]
        print(*(f"{row[name]}" for name in row if name != "short"), sep="\t", flush=True)
        if given.rows:
            given.rows.write_text("".join(json.dumps(row) + "\n" for row in rows))
    full = [row for row in rows if not row["short"]]
    errors = np.abs([float(str(row["error_lu"])) for row in full])
    peaks = [float(str(row[name])) for row in rows for name in ("dbtp", "ebur128_dbtp")]
    off = np.abs([float(str(row["off_lu"])) for row in rows])
    by_voice = sum("voices" in str(row["short"]) for row in rows)
    print(f"{len(rows)} films, seeds {given.seeds[0]} to {given.seeds[1]}; true peak at most {max(peaks):.2f} dBTP")
    print(f"{len(full)} as loud as asked within {errors.max():.2f} LU, mean {errors.mean():.2f}")
    print(f"{len(rows) - len(full)} said to stay below, {by_voice} for their voices' peaks")
    print(f"off what is said by {off.max():.2f} LU at most")


if __name__ == "__main__":
    main()
