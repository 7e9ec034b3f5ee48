"""How fast `storysound ingest` looks at videos without neural networks, against PyAV doing nothing but decode them.

`python -m benchmarks.speed.ingest [FOLDER]`: CPU time of one thread in one process, both measured in turn on every
video and the least of several rounds taken, as other programs only ever add to it.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import av

from storysound.errors import MediaError
from storysound.ingest.look import LookConfig, Part, decode_parts
from storysound.media.audio import write_flac

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 3


def main() -> None:
    """Measure and print."""
    given = sys.argv[1:] or [os.environ.get("STORYSOUND_TEST_DATA", str(ROOT / ".." / "shared" / "data")) + "/videos"]
    videos = [path for path in sorted(Path(given[0]).rglob("*")) if path.suffix in (".mp4", ".mkv", ".webm", ".mov")]
    for row in measure(videos):
        rate = f"{row['ratio']:.2f} of bare decoding, {row['video_s_per_cpu_s']:.0f} s per CPU s"
        print(f"{row['what']:<40} {rate}, {row['n']}")


def measure(videos: Sequence[Path], rounds: int = ROUNDS) -> list[dict[str, str | float]]:
    """Rows for the default sampling and for the paper's, over all videos together."""
    configs = {"ingest, 2 pictures a second": LookConfig(), "ingest, 10 pictures a second": LookConfig(frames_per_s=10)}
    spent = dict.fromkeys(["bare", *configs], 0.0)
    seconds, count = 0.0, 0
    with tempfile.TemporaryDirectory() as scratch:
        for video in videos:
            try:
                seconds += decode_parts([Part(str(video))]).duration_s
            except MediaError:
                continue
            count += 1
            jobs: dict[str, Callable[[], object]] = {"bare": lambda video=video: bare(video)}  # type: ignore[misc]
            for name, config in configs.items():
                jobs[name] = lambda video=video, config=config: whole(video, config, Path(scratch))  # type: ignore[misc]
            best = dict.fromkeys(jobs, float("inf"))
            for _ in range(rounds):
                for name, job in jobs.items():
                    best[name] = min(best[name], cpu_s(job))
            for name, value in best.items():
                spent[name] += value
    return [
        {"what": name, "ratio": spent["bare"] / value, "video_s_per_cpu_s": seconds / value, "n": f"{count} videos"}
        for name, value in spent.items()
        if name != "bare" and value
    ]


def whole(video: Path, config: LookConfig, scratch: Path) -> None:
    """Shots, pictures as JPEG, sound of the exact length as FLAC: all that comes before a network."""
    seen = decode_parts([Part(str(video))], config)
    write_flac(scratch / "audio.flac", seen.audio)


def bare(video: Path) -> None:
    """Every frame of the picture and of the sound, decoded on one thread and let go."""
    with av.open(str(video)) as container:
        container.streams.video[0].thread_type = "NONE"
        for _ in container.decode(video=0):
            pass
    with av.open(str(video)) as container:
        for _ in container.decode(audio=0):
            pass


def cpu_s(run: Callable[[], object]) -> float:
    """CPU time of this process during a call."""
    before = time.process_time()
    run()
    return time.process_time() - before


if __name__ == "__main__":
    main()
