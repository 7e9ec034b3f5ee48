"""`score` of a film of hours, made of clips in shuffled order: processor time, time and memory of the whole process.

Run: OMP_NUM_THREADS=1 python -m benchmarks.speed.long_film CLIPS LIBRARY [--hours 2] [--folder DIR]
"""

import argparse
import random
import resource
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from storysound.media.audio import read_audio, resample
from storysound.media.video import iter_frames

WIDTH, HEIGHT, FPS, RATE_HZ = 320, 180, 24, 48_000
LONGEST_S = 60  # of a clip


def main() -> None:
    """Makes the film unless it is there, scores it, and tells what that took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=Path)
    parser.add_argument("library", type=Path)
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--folder", type=Path, default=Path("long_film"))
    given = parser.parse_args()
    given.folder.mkdir(exist_ok=True)
    film = given.folder / f"{given.hours:g}h.mp4"
    if not film.exists():
        make(sorted(given.clips.iterdir()), film, given.hours * 3600)
    words = ["score", film, "-l", given.library, "-o", given.folder / "scored.mp4"]
    started_s = time.perf_counter()
    subprocess.run([Path(sys.executable).with_name("storysound"), *words], check=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    whole_s, cpu_s = time.perf_counter() - started_s, used.ru_utime + used.ru_stime
    film_s = given.hours * 3600
    Console().print(
        f"{film_s / 60:.0f} min of film: {whole_s / 60:.1f} min ({whole_s / film_s:.2f} of real time), "
        f"{cpu_s / 60:.1f} min of processor time, {used.ru_maxrss / 1e6:.2f} GB at most",
        soft_wrap=True,
    )


def make(clips: list[Path], film: Path, duration_s: float) -> None:
    """Writes clips one after the other, shuffled anew each time round (seed 0)."""
    dice, known = random.Random(0), {clip: decoded(clip) for clip in clips}
    with av.open(film, "w") as out:
        pictures = out.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "crf": "30"})
        pictures.width, pictures.height, pictures.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        sound = out.add_stream("aac", rate=RATE_HZ, layout="mono")
        shown = heard = 0
        while shown < duration_s * FPS:
            dice.shuffle(clips)
            for clip in clips:
                frames, samples = known[clip]
                for rgb in frames:
                    picture = av.VideoFrame.from_ndarray(rgb).reformat(WIDTH, HEIGHT, "yuv420p")
                    picture.pts, shown = shown, shown + 1
                    out.mux(pictures.encode(picture))
                part = av.AudioFrame.from_ndarray(samples, "fltp", "mono")
                part.rate, part.pts, heard = RATE_HZ, heard, heard + samples.shape[1]
                out.mux(sound.encode(part))
        out.mux(pictures.encode())
        out.mux(sound.encode())


def decoded(clip: Path) -> tuple[list[NDArray[np.uint8]], NDArray[np.float32]]:
    """A clip's pictures, FPS a second, and as long its sound [1 n]."""
    frames: list[NDArray[np.uint8]] = []
    for frame in iter_frames(clip, max_side=WIDTH):
        frames += [frame.rgb] * (min(int(frame.time_s * FPS) + 1, LONGEST_S * FPS) - len(frames))
    wanted = len(frames) * RATE_HZ // FPS
    samples = resample(read_audio(clip).mono(), RATE_HZ).samples[:, :wanted]
    return frames, np.ascontiguousarray(np.pad(samples, ((0, 0), (0, wanted - samples.shape[1]))))


if __name__ == "__main__":
    main()
