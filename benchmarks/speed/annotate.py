"""How fast `storysound annotate` describes a film of several minutes with the embedded models, in two processes.

`python -m benchmarks.speed.annotate [FOLDER] [--jobs 2]`: the videos of the folder (by default those of the shared test
data), scaled to 640 x 360 at 25 pictures a second and put one after the other into one film with their sound. Told are
seconds of film per second on the clock, all of it: starting processes, loading models, hashing, writing; and per second
of processor, summed over processes, which other programs disturb less.
"""

import argparse
import os
import resource
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from storysound.config import load_profile
from storysound.encode.pool import Models
from storysound.errors import MediaError
from storysound.jobs.annotate.annotate import run
from storysound.jobs.annotate.request import AnnotateRequest
from storysound.media.audio import read_audio
from storysound.media.video import iter_frames
from storysound.progress import Watch
from storysound.weights.resolver import Resolver

ROOT = Path(__file__).resolve().parents[2]
WIDTH, HEIGHT, FPS, RATE_HZ = 640, 360, 25, 32_000


def film(videos: list[Path], out: Path) -> float:
    """One film of all videos that can be read; its length in seconds."""
    count, sounds = 0, []
    with av.open(str(out), "w") as container:
        video = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        audio = container.add_stream("aac", rate=RATE_HZ, layout="mono")
        for path in videos:
            first = count
            for shown in iter_frames(path, every_s=1 / FPS, max_side=WIDTH):
                picture = np.asarray(Image.fromarray(shown.rgb).resize((WIDTH, HEIGHT)))
                frame = av.VideoFrame.from_ndarray(picture)
                frame.pts, frame.time_base = count, Fraction(1, FPS)
                container.mux(video.encode(frame))
                count += 1
            sounds.append(_sound(path, (count - first) * RATE_HZ // FPS))
        container.mux(video.encode(None))
        samples = np.concatenate(sounds)[None]
        for start in range(0, samples.shape[1], 1024):
            block = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[:, start : start + 1024]), "fltp", "mono")
            block.sample_rate, block.pts, block.time_base = RATE_HZ, start, Fraction(1, RATE_HZ)
            container.mux(audio.encode(block))
        container.mux(audio.encode(None))
    return count / FPS


def _sound(path: Path, length: int) -> np.ndarray:
    """So many samples of a video's sound [n]; zeros where it has none."""
    out = np.zeros(length, np.float32)
    try:
        own = read_audio(path, rate_hz=RATE_HZ, channels=1).samples[0][:length]
    except MediaError:
        return out
    out[: len(own)] = own
    return out


def _processor_s() -> float:
    own, theirs = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + theirs.ru_utime + theirs.ru_stime


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = os.environ.get("STORYSOUND_TEST_DATA", str(ROOT / ".." / "shared" / "data"))
    parser.add_argument("folder", type=Path, nargs="?", default=Path(data) / "videos" / "clips")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "film.mp4"
        length_s = film(sorted(options.folder.glob("*.mp4")), file)
        models = Models(load_profile(), Resolver(offline=True))
        begun_s, spent_s = time.perf_counter(), _processor_s()
        result = run(AnnotateRequest((file,), Path(scratch) / "out", jobs=options.jobs), models, Watch())
        clock_s, spent_s = time.perf_counter() - begun_s, _processor_s() - spent_s
    print(
        f"{length_s:.0f} s of film, {result.added} clips, {options.jobs} processes: {clock_s:.0f} s on the clock, "
        f"{length_s / clock_s:.1f} x real time; {spent_s:.0f} s of processor, {length_s / spent_s:.1f} x; "
        f"{result.stats.sentences:.2f} sentences, {result.stats.words:.1f} words a clip"
    )


if __name__ == "__main__":
    main()
