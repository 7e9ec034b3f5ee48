"""Mixes of speech and music to train `encode/voice_mask` on: `python training/speech_mask/corpus.py DEBS OUT`.

DEBS is a folder of Debian packages (`apt-get download NAME...` of the names below; nothing is installed): acted
dialogue, recorded prompts and read sentences in several languages, and the music of some forty free games, nothing of
the test data. Each file keeps its package's licence; only weights computed from them are shipped.

A mix is 6 s at 48 kHz: one stretch of speech, changed in pitch and tempo (a third of them upwards, towards children),
half of them in a synthetic room, half of them tilted in frequency, a quarter with a pause; one stretch of music;
-8 to 8 dB to each other. `--check` draws from tracks and a speaker that training never sees, at 0 dB.
"""

import argparse
import logging
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soxr
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from storysound.encode import nsnet2
from storysound.encode.voice_mask import BINS, FFT, HOP, RATE_HZ
from storysound.errors import MediaError
from storysound.media.audio import read_audio
from storysound.weights import Resolver

log = logging.getLogger("corpus")
SPEECH = {  # package: files at most
    "asterisk-core-sounds-en-wav": 160, "asterisk-core-sounds-es-wav": 160, "asterisk-core-sounds-fr-wav": 160,
    "asterisk-core-sounds-it-wav": 160, "asterisk-core-sounds-ru-wav": 150, "asterisk-prompt-it-menardi-wav": 120,
    "festvox-ru": 200, "codec2-examples": 60, "fillets-ng-data-nl": 420, "fillets-ng-data-cs": 420,
}  # fmt: skip
CHECK_SPEAKER = "asterisk-core-sounds-es-wav"
MUSIC = (
    "7kaa-data", "adonthell-data", "ardentryst", "asc-data", "asterisk-moh-opsound-wav", "berusky2-data",
    "boswars-data", "castle-game-engine-doc", "colobot-common-sounds", "drascula-music", "endless-sky-data", "etw-data",
    "extremetuxracer-data", "flare-game", "freecol", "freedroidrpg-data", "glob2-data", "hyperrogue-music",
    "lincity-ng-data", "lordsawar-data", "lugaru-data", "marsshooter-data", "megaglest-data", "naev-data",
    "neverball-common", "planetblupi-music-ogg", "plee-the-bear-data", "redeclipse-data", "scorched3d-data",
    "solarwolf",
    "supertux-data", "supertuxkart-data", "tecnoballz-data", "torcs-data", "trackballs-data", "trigger-rally-data",
    "unknown-horizons", "warzone2100-music", "widelands-data",
)  # fmt: skip
TRACKS_OF_A_PACKAGE, CHECK_SHARE = 10, 8  # every eighth track is kept for the check
MUSIC_BYTES, SPEECH_BYTES = 300_000, 10_000  # smaller files are jingles and clicks
SECONDS, CHECK_SECONDS_OF_TRACK = 6, 35
LENGTH = SECONDS * RATE_HZ
Samples = NDArray[np.float32]


def members(deb: Path, least_bytes: int) -> Iterator[tuple[str, bytes]]:
    """Sound files of a package, as a stream."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
            for info in archive:
                if (
                    info.isfile()
                    and info.size >= least_bytes
                    and info.name.lower().endswith((".ogg", ".wav", ".mp3", ".opus"))
                ):
                    data = archive.extractfile(info)
                    assert data is not None
                    yield info.name, data.read()
        process.kill()


def sounds(debs: Path, package: str, count: int, least_bytes: int, start_s: float) -> list[Samples]:
    """Up to `count` decoded sounds [n] of a package at one loudness; none where the package is not there."""
    found: list[Samples] = []
    for deb in debs.glob(f"{package}_*.deb"):
        for name, data in members(deb, least_bytes):
            if len(found) == count:
                break
            with tempfile.NamedTemporaryFile(suffix=Path(name).suffix) as file:
                file.write(data)
                file.flush()
                try:
                    end_s = start_s + CHECK_SECONDS_OF_TRACK
                    samples = read_audio(file.name, rate_hz=RATE_HZ, channels=1, start_s=start_s, end_s=end_s).samples[
                        0
                    ]
                except MediaError as error:
                    log.info("%s: %s", package, error)
                    continue
            level = float(np.sqrt((samples**2).mean()))
            if level > 0.005:
                found.append(samples * np.float32(0.1 / level))
    return found


def stretch(source: Samples, length: int, rng: np.random.Generator) -> Samples:
    """A random stretch, repeated where the source is shorter."""
    if source.size <= length:
        source = np.tile(source, -(-(length + 1) // source.size))
    first = int(rng.integers(0, source.size - length))
    return source[first : first + length].copy()


def voice(source: Samples, rng: np.random.Generator) -> Samples:
    """A stretch of speech, varied as the module says."""
    low, high = (-0.2, 0.2) if rng.random() < 0.6 else (0.15, 0.5)
    factor = float(np.exp(rng.uniform(low, high)))
    x = soxr.resample(stretch(source, int(LENGTH * factor) + 64, rng), RATE_HZ * factor, RATE_HZ, quality="LQ")[:LENGTH]
    x = np.pad(x, (0, LENGTH - x.size))
    if rng.random() < 0.5:
        n = int(rng.uniform(0.1, 0.5) * RATE_HZ)
        echo = rng.standard_normal(n) * 10 ** (-3 * np.arange(n) / n) * rng.uniform(0.005, 0.03) * (rng.random(n) < 0.3)
        echo[0] = 1
        size = 1 << (LENGTH + n).bit_length()
        x = np.fft.irfft(np.fft.rfft(x, size) * np.fft.rfft(echo, size), size)[:LENGTH]
    if rng.random() < 0.5:
        tilt = (np.maximum(np.fft.rfftfreq(LENGTH, 1 / RATE_HZ), 80) / 1000) ** rng.uniform(-0.35, 0.35)
        x = np.fft.irfft(np.fft.rfft(x) * tilt, LENGTH)
    if rng.random() < 0.25:
        first = int(rng.integers(0, LENGTH))
        x[first : first + int(RATE_HZ * rng.uniform(0.5, 3))] = 0
    return np.asarray(x, np.float32)


def spectrum(samples: Samples) -> torch.Tensor:
    """[t 384] complex, framed as the separator does."""
    window = torch.hann_window(FFT)
    whole = torch.stft(
        torch.from_numpy(samples), FFT, HOP, window=window, center=True, pad_mode="constant", return_complex=True
    )
    return whole[:BINS].T


def draw(speech: list[Samples], music: list[Samples], count: int, check: bool, seed: int) -> dict[str, torch.Tensor]:
    """`count` mixes as train.py reads them."""
    rng = np.random.default_rng(seed)
    model = nsnet2.load(Resolver())
    rows: dict[str, list[torch.Tensor]] = {"mixture": [], "background": [], "gain": []}
    while len(rows["gain"]) < count:
        spoken = voice(speech[int(rng.integers(len(speech)))], rng)
        played = stretch(music[int(rng.integers(len(music)))], LENGTH, rng)
        powers = float((spoken**2).mean()), float((played**2).mean())
        if min(powers) < 1e-7:
            continue
        snr_db = 0.0 if check else rng.uniform(-8, 8)
        played = played * np.float32(10 ** (rng.uniform(-26, -14) / 20) / np.sqrt(powers[1]))
        level = np.sqrt(float((played**2).mean()) / powers[0]) * 10 ** (snr_db / 20)
        silent = not check and rng.random() < 0.04  # music alone must stay as it is
        mixture = played + spoken * np.float32(0 if silent else level)
        both, gain = spectrum(mixture), torch.from_numpy(model.gain(mixture))
        frames = min(len(both), len(gain))
        scale = 1 / float(both.abs().pow(2).mean().sqrt())
        rows["mixture"].append((torch.view_as_real(both[:frames]) * scale).half())
        rows["background"].append((torch.view_as_real(spectrum(played)[:frames]) * scale).half())
        rows["gain"].append(gain[:frames, :257].half())
    return {name: torch.stack(parts) for name, parts in rows.items()}


def main() -> None:
    """Decodes the packages, draws the mixes, writes one file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("debs", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--mixes", type=int, default=350)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--check", action="store_true", help="draw from what training never sees")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    names = [name for name in SPEECH if (name == CHECK_SPEAKER) == options.check]
    parts = {name: sounds(options.debs, name, SPEECH[name], SPEECH_BYTES, 0.0) for name in names}
    speech = [np.concatenate(found) for found in parts.values() if found]
    tracks = [t for name in MUSIC for t in sounds(options.debs, name, TRACKS_OF_A_PACKAGE, MUSIC_BYTES, 12.0)]
    music = [track for i, track in enumerate(tracks) if (i % CHECK_SHARE == 0) == options.check]
    if not speech or not music:
        raise SystemExit(
            f"{options.debs}: none of the packages is there; apt-get download {' '.join([*SPEECH, *MUSIC])}"
        )
    log.info("%d voices, %d tracks", len(speech), len(music))
    save_file(draw(speech, music, options.mixes, options.check, options.seed), options.out)


if __name__ == "__main__":
    main()
