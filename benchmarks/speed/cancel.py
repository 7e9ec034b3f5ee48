"""How long a job goes on after it was told to stop, at worst: the longest time between two looks at its `Stop`.

Run: OMP_NUM_THREADS=1 python -m benchmarks.speed.cancel FILM LIBRARY SOUNDS
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

import storysound as ss


class Timed(ss.Stop):
    """Never set; knows how long lay between two looks."""

    def __init__(self) -> None:
        super().__init__()
        self.looks, self.longest_s, self._last_s = 0, 0.0, time.perf_counter()

    def is_set(self) -> bool:
        """No; but it notes the time."""
        now_s = time.perf_counter()
        self.looks, self.longest_s, self._last_s = self.looks + 1, max(self.longest_s, now_s - self._last_s), now_s
        return False


def main() -> None:
    """A row a job, models loaded before."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("film", "library", "sounds"):
        parser.add_argument(name, type=Path)
    given = parser.parse_args()
    table = Table(box=None)
    for heading in ("job", "looks", "longest between two, s", "whole, s"):
        table.add_column(heading, justify="left" if heading == "job" else "right")
    with ss.Session() as session, tempfile.TemporaryDirectory() as folder:
        for round_ in ("first", "again"):
            for name, run in jobs(session, given, Path(folder) / round_).items():
                stop, started_s = Timed(), time.perf_counter()
                run(stop)
                whole_s = time.perf_counter() - started_s
                if round_ == "again":
                    table.add_row(name, f"{stop.looks:,}", f"{stop.longest_s:.2f}", f"{whole_s:.1f}")
    Console().print(table)


def jobs(session: ss.Session, given: argparse.Namespace, out: Path) -> dict[str, Callable[[ss.Stop], object]]:
    """Those that last."""
    out.mkdir()
    score = ss.ScoreRequest(given.film, given.library, out / "scored.mp4")
    return {
        "score": lambda stop: session.score(score, stop=stop),
        "index": lambda stop: session.index([given.sounds], to=out / "library", stop=stop),
        "ingest": lambda stop: session.ingest(ss.IngestRequest((given.film,), out / "data"), stop=stop),
        "summarize": lambda stop: session.summarize(ss.SummarizeRequest(given.film, out / "short.mp4"), stop=stop),
        "split-speech": lambda stop: session.split_speech(
            ss.SplitSpeechRequest(given.film, out / "background.wav"), stop=stop
        ),
        "listen": lambda stop: session.listen(ss.ListenRequest(given.film), stop=stop),
        "mood": lambda stop: session.mood(ss.MoodRequest(given.film), stop=stop),
    }


if __name__ == "__main__":
    main()
