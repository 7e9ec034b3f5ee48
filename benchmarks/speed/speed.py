"""How fast it is on this machine: `make bench`.

One thread unless a row says otherwise. Absolute times depend on the machine and on what else runs on it; the `limit`
column is the same machine doing only what can't be avoided, measured in the same run. Films and library of the rows
about scores are those of `make demo`, the long film fifteen minutes of it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.speed import dtw, encoders, find_scale, ingest, knapsack, retrieval, spectrograms
from storysound.config import load_profile
from storysound.encode.pool import Models
from storysound.jobs.index import index
from storysound.jobs.index.request import IndexRequest
from storysound.media.audio import read_audio
from storysound.progress import Watch
from storysound.weights.catalogue import catalogue
from storysound.weights.resolver import Resolver

ROOT = Path(__file__).resolve().parents[2]
COMMAND = Path(sys.executable).with_name("storysound")
Row = tuple[str, str, str, str]  # what, value, limit, n


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    table = Table(box=None)
    for heading in ("what", "value", "limit of this machine", "n"):
        table.add_column(heading)
    for measured in (
        start_up,
        hearing,
        indexing,
        ingesting,
        searching,
        scoring,
        rendering,
        long_film,
        retrieval.measure,
        dtw.measure,
        knapsack.measure,
        spectrograms.measure,
    ):
        for row in measured():
            table.add_row(*row)
    Console().print(table)


def start_up(runs: int = 7) -> Iterator[Row]:
    """`storysound --help` as a fresh process, against Python alone importing nothing."""
    bare = wall_s([sys.executable, "-c", "pass"], runs)
    yield "storysound --help", f"{wall_s([COMMAND, '--help'], runs):.2f} s", f"{bare:.2f} s (python alone)", str(runs)


def hearing() -> Iterator[Row]:
    """Each audio encoder alone."""
    for row in encoders.measure():
        value = f"{row['ms_per_10_s']:.0f} ms per 10 s ({row['audio_s_per_cpu_s']:.0f} audio s per CPU s)"
        yield f"encoder {row['encoder']}", value, "", "5"


def indexing() -> Iterator[Row]:
    """The whole of `storysound index` on the starter tracks, against bare decoding of the same files."""
    weights = Resolver(offline=True)
    tracks = [weights.path(name) for name in catalogue() if name.startswith("starter/") and name.endswith(".opus")]
    with tempfile.TemporaryDirectory() as scratch:
        models = Models(load_profile("embedded"), weights)
        for name in ("warm up", "measured"):  # the first run loads the models
            before = time.process_time()
            request = IndexRequest(tuple(tracks[:2] if name == "warm up" else tracks), Path(scratch) / name)
            report = index.run(request, models, Watch())
            spent = time.process_time() - before
        bare = ingest.cpu_s(lambda: [read_audio(track) for track in tracks])
    rate = report.duration_s / spent
    yield "index", f"{rate:.0f} audio s per CPU s", f"{report.duration_s / bare:.0f} (decoding only)", str(report.added)


def ingesting() -> Iterator[Row]:
    """What `storysound ingest` does before any network, against PyAV decoding the same film and letting it go."""
    film = ROOT / "demo" / "film.mp4"
    for row in ingest.measure([film] if film.exists() else []):
        value = f"{row['video_s_per_cpu_s']:.0f} video s per CPU s"
        yield str(row["what"]), value, f"reaches {row['ratio']:.2f} of bare decoding", str(row["n"])


def searching() -> Iterator[Row]:
    """Searches of a library of 10,000 segments."""
    for row in find_scale.measure():
        yield f"{row['what']}", f"{row['ms']:.1f} ms", "", f"{row['n']} segments"


def scoring() -> Iterator[Row]:
    """`storysound score` of the demo's film, models cached, two threads: a fresh process as a user starts it."""
    film, library = ROOT / "demo" / "film.mp4", ROOT / "demo" / "library"
    if not film.exists() or not library.exists():
        yield "score", "run `make demo` first", "", "0"
        return
    with tempfile.TemporaryDirectory() as scratch:
        command = [COMMAND, "score", film, "-l", library, "-o", Path(scratch) / "out.mp4"]
        value = wall_s(command, 3, {"OMP_NUM_THREADS": "2"})
    yield "score a 57-s 720p film", f"{value:.1f} s", "", "3"


def rendering() -> Iterator[Row]:
    """`storysound cue gain` and then `render` of the demo's film, both as a user starts them, on two cores."""
    sheet = ROOT / "demo" / "film.scored.cues.json"
    if not sheet.exists():
        yield "cue gain + render", "run `make demo` first", "", "0"
        return
    with tempfile.TemporaryDirectory() as scratch:
        own = Path(scratch) / "cues.json"
        shutil.copy(sheet, own)
        value = wall_s([COMMAND, "cue", own, "gain", "music-1", "-1"], 3)
        value += wall_s([COMMAND, "render", own, "-o", Path(scratch) / "out.mp4"], 3)
    yield "cue gain + render of a 57-s film", f"{value:.1f} s", "", "3"


def long_film(length_s: float = 900.0) -> Iterator[Row]:
    """`storysound score` of the demo's film again and again: share of real time, and memory at its most."""
    film, library = ROOT / "demo" / "film.mp4", ROOT / "demo" / "library"
    if not film.exists() or not library.exists():
        yield "score a long film", "run `make demo` first", "", "0"
        return
    with tempfile.TemporaryDirectory() as scratch:
        again(film, Path(scratch) / "film.mkv", length_s)
        command = [COMMAND, "score", Path(scratch) / "film.mkv", "-l", library, "-o", Path(scratch) / "out.mkv"]
        before = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        spent = time.perf_counter() - before
    cpu = (used.ru_utime + used.ru_stime) / length_s
    value = f"{spent / length_s:.2f} of real time ({cpu:.2f} CPU), {used.ru_maxrss / 1e6:.2f} GB"
    yield f"score {length_s / 60:.0f} min of film", value if not status else "failed", "", "1"


def again(film: Path, out: Path, length_s: float) -> None:
    """A film of that length: another one over and over, its packets copied."""
    shift_s = 0.0
    with av.open(str(out), "w") as result:
        streams: dict[int, av.stream.Stream] = {}
        while shift_s < length_s:
            with av.open(str(film)) as source:
                streams = streams or {s.index: result.add_stream_from_template(s) for s in source.streams}
                ends_s = [float((s.duration or 0) * (s.time_base or 0)) for s in source.streams]
                for packet in source.demux():
                    if packet.dts is None or packet.pts is None or packet.dts * packet.time_base >= length_s - shift_s:
                        continue
                    ticks = round(shift_s / packet.time_base)
                    packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
                    packet.stream = streams[packet.stream.index]
                    result.mux(packet)
            shift_s += max(ends_s)


def wall_s(command: list[str | Path], runs: int, environment: dict[str, str] | None = None) -> float:
    """Median wall time of a process."""
    times = []
    for _ in range(runs):
        before = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, **(environment or {})})
        times.append(time.perf_counter() - before)
    return float(np.median(times))


if __name__ == "__main__":
    main()
