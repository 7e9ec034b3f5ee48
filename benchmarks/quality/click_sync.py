"""Sync at the end of a long film whose pictures last unevenly: `python -m benchmarks.quality.click_sync LIBRARY`.

A film of 20 minutes, pictures of 40 to 400 ms by chance, white for one of them and a click in each minute; scored with
`storysound score`. Said is by how much each click lies from its white picture in the result, beside the film itself.
"""

import argparse
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from storysound.media.audio import read_audio

RATE_HZ, MINUTES = 48_000, 20


def make(path: Path, seed: int) -> None:
    """Writes the film."""
    dice = np.random.default_rng(seed)
    times = np.cumsum([0, *dice.integers(40, 400, size=MINUTES * 60 * 1000 // 220)])
    times = times[times < MINUTES * 60_000 - 500]
    white = {int(np.searchsorted(times, 60_000 * minute - 15_000)) for minute in range(1, MINUTES + 1)}
    sound = dice.normal(0, 1e-3, MINUTES * 60 * RATE_HZ).astype(np.float32)
    for number in white:
        at = round(times[number] * RATE_HZ / 1000)
        sound[at : at + 96] += 0.5 * np.hanning(192)[96:].astype(np.float32)
    with av.open(str(path), "w") as out:
        video = out.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        video.codec_context.time_base = Fraction(1, 1000)
        audio = out.add_stream("aac", rate=RATE_HZ, layout="mono")
        for number, time_ms in enumerate(times.tolist()):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 255 if number in white else 20, np.uint8))
            frame.pts, frame.time_base = time_ms, Fraction(1, 1000)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        for first in range(0, len(sound), RATE_HZ):
            heard = av.AudioFrame.from_ndarray(sound[None, first : first + RATE_HZ], "fltp", "mono")
            heard.sample_rate, heard.pts, heard.time_base = RATE_HZ, first, Fraction(1, RATE_HZ)
            out.mux(audio.encode(heard))
        out.mux(audio.encode(None))


def offsets_ms(path: Path) -> NDArray[np.float64]:
    """How much later each click is heard than its white picture is shown [minutes]."""
    with av.open(str(path)) as film:
        start_s = (film.start_time or 0) / 1e6
        shown = [f.time - start_s for f in film.decode(video=0) if f.to_ndarray(format="gray").mean() > 128]
    wave = np.abs(read_audio(path, rate_hz=RATE_HZ, channels=1).samples[0])
    found = []
    for time_s in shown:
        first = round((time_s - 0.3) * RATE_HZ)
        found.append((first + int(wave[first : first + round(0.6 * RATE_HZ)].argmax())) / RATE_HZ - time_s)
    return 1000 * np.array(found)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for suffix in (".mp4", ".mkv"):
            film, scored = Path(folder) / f"film{suffix}", Path(folder) / f"scored{suffix}"
            make(film, given.seed)
            words = ["score", film, "-l", given.library, "-o", scored, "--no-effects"]
            subprocess.run([Path(sys.executable).with_name("storysound"), *words], check=True, capture_output=True)
            for name, path in (("film", film), ("scored", scored)):
                found = offsets_ms(path)
                span = f"{found.min():+.1f} to {found.max():+.1f} ms"
                print(f"{suffix} {name}: {len(found)} clicks, {span}, the last {found[-1]:+.1f} ms")


if __name__ == "__main__":
    main()
