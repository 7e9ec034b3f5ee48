"""Music that is written, not recorded: tracker modules through openmpt123, MIDI files through fluidsynth.

Both come from the distribution (`apt-get install openmpt123 fluidsynth`). Pieces are played whole; of a long one the
corpus keeps excerpts, as of any file.
"""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from shipped_weights.ears import archives
from shipped_weights.ears.sources import Source, fetch

RATE_HZ = 16_000
TRACKERS = (
    "pingus-data", "pekka-kana-2-data", "tecnoballz-data", "heroes-sound-tracks", "gl-117-data", "biniax2-data",
    "freedroid-data", "flobopuyo", "rafkill-data", "bomberclone-data", "pachi-data", "madbomber-data",
    "circuslinux-data", "gemdropx", "vodovod", "ri-li-data", "penguin-command", "njam-data", "solarwolf",
    "dodgindiamond2", "bugsquish", "vectoroids", "open-invaders-data", "monsterz-data", "gltron", "gambas3-examples",
    "cuyo-data", "ironseed-data", "criticalmass-data", "bb", "gweled", "vor", "xcowsay", "tomatoes-data",
)  # fmt: skip
MIDIS = (
    "simutrans-data", "openttd-openmsx", "mma", "planetblupi-music-midi", "faust-common", "pianobooster",
    "liquidwar-data", "yoshimi-data", "songwrite", "freewheeling",
)  # fmt: skip
MODULES = frozenset(["mod", "xm", "it", "s3m"])
SCORES = frozenset(["mid", "midi"])
MIDI_FONT = "musescore-general-soundfont"


def members(name: str, cache: Path) -> Iterator[tuple[str, bytes]]:
    """(package/path, WAV bytes) of every piece of "tracker-music" or "midi-music"."""
    trackers = name == "tracker-music"
    with tempfile.TemporaryDirectory() as folder:
        font = None if trackers else soundfont(MIDI_FONT, cache, Path(folder))
        for package_name in TRACKERS if trackers else MIDIS:
            try:
                package = fetch(Source("apt", package_name), cache / "downloads")
            except FileNotFoundError:
                continue
            for path, data in archives.members(package, MODULES if trackers else SCORES):
                if not archives.is_licence(path):
                    audio = _module(data, path) if font is None else _midi(data, font)
                    if audio:
                        yield f"{package_name}/{path}.wav", audio


def soundfont(package_name: str, cache: Path, folder: Path) -> Path:
    """The soundfont of a distribution package, unpacked into `folder`."""
    package = fetch(Source("apt", package_name), cache / "downloads")
    subprocess.run(["dpkg-deb", "-x", str(package), str(folder)], check=True)
    return next(f for f in sorted(folder.rglob("*.sf[23]")) if not f.is_symlink())


def _module(data: bytes, path: str) -> bytes:
    """A tracker module as WAV; nothing where it isn't one (Fortran and firmware have `.mod` files too)."""
    with tempfile.TemporaryDirectory() as folder:
        module = Path(folder, f"a.{archives.suffix(path)}")
        module.write_bytes(data)
        command = ["openmpt123", "--quiet", "--batch", "--no-progress", "--no-details", "--no-meters", "--samplerate"]
        command += [str(RATE_HZ), "--channels", "1", "--repeat", "0", "--output", f"{module}.wav", str(module)]
        subprocess.run(command, check=False, capture_output=True, timeout=300)
        return _bytes(Path(f"{module}.wav"))


def _midi(data: bytes, font: Path) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        midi, wav = Path(folder, "a.mid"), Path(folder, "a.wav")
        midi.write_bytes(data)
        command = ["fluidsynth", "-ni", "-q", "-r", str(RATE_HZ), "-g", "0.5", "-F", str(wav), str(font), str(midi)]
        subprocess.run(command, check=False, capture_output=True, timeout=600)
        return _bytes(wav)


def _bytes(wav: Path) -> bytes:
    return wav.read_bytes() if wav.exists() and wav.stat().st_size > 10_000 else b""
