"""How far apart two machines lie: the same work under settings that make libraries add up in other orders.

python -m benchmarks.quality.machines                            every setting beside the first, as a table
python -m benchmarks.quality.machines python -m pytest tests/nn  a command under the two settings that differ most
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from examples.demo import make_film
from numpy._core import _multiarray_umath
from numpy.typing import NDArray
from typer.testing import CliRunner

from benchmarks.speed.find_scale import QUERIES
from storysound.app.cli.commands import app
from storysound.encode.encoder import load
from storysound.library.starter import write_starter
from storysound.library.store import Library
from storysound.media.audio import read_audio
from storysound.media.image import read_image
from storysound.weights.resolver import Resolver

WIDE = _multiarray_umath.__cpu_features__["AVX512_SKX"]
# Threads of OpenBLAS wait in a loop: several processes of two on two cores can starve a machine for minutes.
ONE, TWO = ({"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": "1"} for threads in "12")
# Of numpy only what it dispatches can be disabled; what this processor hasn't got is then no fault.
NARROW = {
    "ATEN_CPU_CAPABILITY": "default",
    "NPY_DISABLE_CPU_FEATURES": " ".join(_multiarray_umath.__cpu_dispatch__),
    "OPENBLAS_CORETYPE": "Nehalem",
    "MKL_CBWR": "COMPATIBLE",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
}
HASWELL = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "NPY_DISABLE_CPU_FEATURES": " ".join(name for name in _multiarray_umath.__cpu_dispatch__ if name != "X86_V3"),
    "OPENBLAS_CORETYPE": "Haswell",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
}
SKYLAKE = {"OPENBLAS_CORETYPE": "SkylakeX"} if WIDE else {}
# MKL takes its fast paths on Intel's processors alone. It asks a function whose they are: another can answer.
ASKED = "int mkl_serv_intel_cpu_true(void) { return 1; }\nint mkl_serv_intel_cpu(void) { return 1; }\n"


def settings(folder: Path) -> dict[str, Mapping[str, str]]:
    """By name; the first is what all are compared with. Those this machine can't have are left out."""
    found = {"as it is, 1 thread": ONE, "2 threads": TWO, "AVX2": {**ONE, **HASWELL}, "SSE": {**ONE, **NARROW}}
    library = folder / "intel.so"
    if WIDE:
        made = ["cc", "-shared", "-fPIC", "-x", "c", "-o", str(library), "-"]
        with suppress(OSError, subprocess.CalledProcessError):  # without a C compiler there is no such column
            subprocess.run(made, input=ASKED, text=True, check=True)
            found["Intel, AVX-512"] = {**ONE, **SKYLAKE, "LD_PRELOAD": str(library)}
    return found


def under(setting: Mapping[str, str], command: list[str]) -> int:
    """Exit code of a command."""
    return subprocess.run(command, env={**os.environ, **setting}, check=False).returncode


def measure(folder: Path) -> dict[str, NDArray[Any]]:
    """All that is compared, in a process of one setting: arrays, and what was chosen, by name."""
    weights, library, scored = Resolver(offline=True), folder / f"library-{os.getpid()}", folder / f"{os.getpid()}.mp4"
    items = {
        "audio": [read_audio(weights.path(f"demo/{name}.wav"), channels=1) for name in ("sax", "cantina", "jfk")],
        "image": [read_image(weights.path(f"demo/{name}.jpg")) for name in ("lion", "cheetah", "tower")],
        "text": list(QUERIES),
    }
    found: dict[str, NDArray[Any]] = {}
    for name in ("minilm", "efficientnet_lite2", "ears", "soundnet", "aisfx", "musicnn"):
        encoder = load(name, weights)
        rows = np.concatenate([one.embedding for one in encoder.encode(items[encoder.modality])])
        found[f"embedding of {name}, of its largest"] = rows / np.abs(rows).max()
    run("index", str(folder / "sounds"), "-o", str(library), "--jobs", "1")
    sounds = Library.open(library).sounds()
    found["mood of a sound"] = np.array([(sound.mood.valence, sound.mood.arousal) for sound in sounds])
    found["loudness of a sound, LU"] = np.array([sound.loudness_lufs for sound in sounds])
    asked = ["find", "-l", str(library), "-k", "1000", "--ignore-names", "--json", "--text"]
    rows = [[json.loads(line) for line in run(*asked, text).splitlines()] for text in QUERIES]
    hits = [hit for of_text in rows for hit in sorted(of_text, key=itemgetter("sound"))]
    found["score of a find"] = np.array([hit["score"] for hit in hits])
    found["ranks of a find, places"] = np.array([hit["rank"] for hit in hits])
    sheet, mix = scored.with_suffix(".cues.json"), scored.with_suffix(".wav")
    run("score", str(folder / "film.mp4"), "-l", str(library), "-o", str(scored))
    run("render", str(sheet), "-o", str(mix))
    cues = json.loads(sheet.read_text("utf-8"))["cues"]
    found["sounds of the film's cues"] = np.array([cue["sound"]["path"] for cue in cues])
    found["times of the cues, s"] = np.array([(cue["start_s"], cue["end_s"]) for cue in cues])
    found["gains of the cues, dB"] = np.array([cue["gain_db"] for cue in cues])
    found["sound of the film, of full scale"] = read_audio(mix).samples.T
    found["the same after AAC"] = read_audio(scored).samples.T
    return found


def run(*words: str) -> str:
    """What a command of storysound prints."""
    done = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def apart(one: NDArray[Any], other: NDArray[Any]) -> str:
    """The largest difference of two arrays; of words, how many differ."""
    if one.shape != other.shape:
        return f"{len(other)} for {len(one)}"
    if (one == other).all():
        return "same"
    return f"{(one != other).sum()} others" if one.dtype.kind == "U" else f"{np.abs(one - other).max():.0e}"


def main() -> int:
    """Compares and prints, or runs a command."""
    if sys.argv[1:2] == ["--measure"]:
        np.savez(sys.argv[3], **measure(Path(sys.argv[2])))
        return 0
    if command := sys.argv[1:]:
        return max(under(setting, command) for setting in ({**ONE, **NARROW}, {**TWO, **SKYLAKE}))
    with tempfile.TemporaryDirectory() as place:
        folder, every = Path(place), dict[str, dict[str, NDArray[Any]]]()
        write_starter(Resolver(), folder / "sounds")
        make_film(Resolver(), folder / "film.mp4")
        for name, setting in settings(folder).items():
            target = folder / f"{len(every)}.npz"
            if under(setting, [sys.executable, "-m", "benchmarks.quality.machines", "--measure", place, str(target)]):
                return 1
            every[name] = dict(np.load(target))
    first, *others = every
    print(f"| beside {first} | n | {' | '.join(others)} |")
    print("|---" * (2 + len(others)) + "|")
    for what, values in every[first].items():
        print(f"| {what} | {len(values)} | {' | '.join(apart(values, every[name][what]) for name in others)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
