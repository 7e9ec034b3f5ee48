"""`make fuzz`: cases by number in a few processes, each with a limit of time and memory; a table by kind at the end.

`--seconds N` takes the first cases as far as time goes, `--only KIND` some, `--case N --keep FOLDER` repeats one; ends
with 1 where anything was found.
"""

import argparse
import logging
import math
import multiprocessing
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

from fuzz import seeds
from fuzz.cases import TURNS, Cases, Verdict, job_of
from fuzz.seeds import Seeds

CASES, SECONDS = 6000, 900.0
CASE_S = 20  # of processor time; longer hangs
WAIT_S = 120.0  # on a busy machine, or where it only waits
START_S = 90.0  # for a worker to load everything
MEMORY = 12 << 30  # of addresses; most of it is libraries'


def work(cases: Connection, made: Seeds, folder: Path) -> None:
    """A worker: numbers come, verdicts go."""
    logging.getLogger("storysound").addHandler(logging.NullHandler())
    logging.getLogger("libav").setLevel(logging.CRITICAL)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    all_cases = Cases(made, folder)
    cases.send(None)
    while (number := cases.recv()) is not None:
        limit = math.ceil(time.process_time()) + CASE_S
        resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))
        cases.send(all_cases.run(number))


@dataclass
class Worker:
    """A process and the case it is at."""

    made: Seeds
    folder: Path
    process: SpawnProcess = field(init=False)
    pipe: Connection = field(init=False)
    number: int | None = None  # None: it starts, or has nothing to do
    since_s: float = 0.0

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """A new process."""
        self.pipe, other = multiprocessing.Pipe()
        self.process = multiprocessing.get_context("spawn").Process(
            target=work, args=(other, self.made, self.folder), daemon=True
        )
        self.process.start()
        other.close()
        self.number, self.since_s = None, time.monotonic()

    def give(self, number: int | None) -> None:
        """The next case; None ends it."""
        self.number, self.since_s = number, time.monotonic()
        self.pipe.send(number)

    def late(self) -> bool:
        """Whether it takes longer than it may."""
        return time.monotonic() - self.since_s > (START_S if self.number is None else WAIT_S)

    def end(self) -> None:
        """Kills it."""
        self.process.kill()
        self.process.join()


def verdicts(numbers: Iterator[int], made: Seeds, folder: Path, count: int) -> Iterator[tuple[int, Verdict]]:
    """Cases in order, and what came of each, as they are done."""
    workers = [Worker(made, folder / f"{number}") for number in range(count)]
    try:
        while workers:
            ready = wait([worker.pipe for worker in workers], timeout=0.5)
            for worker in list(workers):
                verdict: Verdict | None = None
                if worker.pipe in ready:
                    try:
                        verdict = worker.pipe.recv()
                        done = worker.number
                    except (EOFError, ConnectionError):
                        worker.process.join()
                        ended = worker.process.exitcode
                        is_hung = ended == -signal.SIGXCPU
                        find = f"hang: over {CASE_S} s of processor time" if is_hung else f"crash: exit {ended}"
                        verdict, done = _died(worker, find), worker.number
                        worker.start()
                        if done is not None:
                            yield done, verdict
                        continue
                    if done is not None:
                        assert verdict is not None
                        yield done, verdict
                    if (following := next(numbers, None)) is None:
                        worker.give(None)
                        worker.process.join(5)
                        workers.remove(worker)
                    else:
                        worker.give(following)
                elif worker.late():
                    done, verdict = worker.number, _died(worker, f"hang: over {WAIT_S:g} s")
                    worker.end()
                    worker.start()
                    if done is not None:
                        yield done, verdict
    finally:
        for worker in workers:
            worker.end()


def _died(worker: Worker, find: str) -> Verdict:
    return Verdict(f"{job_of(worker.number or 0)}: ended", "find", find)


def asked(arguments: list[str]) -> Any:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=CASES, help="how many")
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="stop giving out cases after so long")
    parser.add_argument("--only", choices=sorted(set(TURNS)), help="cases of one job")
    parser.add_argument("--case", type=int, help="one case, in this process, its error as it is")
    parser.add_argument("--keep", type=Path, help="with --case: a folder that gets the input and what was made of it")
    parser.add_argument("--workers", type=int, default=2)
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Runs, prints, and says how the program ends."""
    wanted = asked(arguments)
    folder = Path(tempfile.mkdtemp(prefix="storysound-fuzz-"))
    counts: dict[str, Counter[str]] = {}
    finds: list[tuple[int, Verdict]] = []
    began_s = time.monotonic()
    try:
        (folder / "seeds").mkdir()
        made = seeds.make(folder / "seeds")
        if wanted.case is not None:
            logging.basicConfig(level=logging.WARNING)
            print(Cases(made, wanted.keep or folder, keep=wanted.keep is not None).run(wanted.case))
            return 0
        numbers = (
            number for number in range(wanted.first, wanted.first + wanted.cases)
            if (not wanted.only or job_of(number) == wanted.only) and time.monotonic() - began_s < wanted.seconds
        )  # fmt: skip
        for number, verdict in verdicts(numbers, made, folder, wanted.workers):
            counts.setdefault(verdict.kind, Counter())[verdict.outcome] += 1
            if verdict.outcome == "find":
                finds.append((number, verdict))
                print(f"find: case {number}, {verdict.kind}: {verdict.find}", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(table(counts))
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    took = f"{time.monotonic() - began_s:.0f} s, {used.ru_utime + used.ru_stime:.0f} s of processor time"
    print(f"{sum(map(Counter.total, counts.values()))} cases in {took}, {len(finds)} finds")
    return 1 if finds else 0


def table(counts: dict[str, "Counter[str]"]) -> str:
    """A row for each kind."""
    lines = [f"{'kind':24} {'cases':>7} {'accepted':>9} {'told':>7} {'finds':>6}"]
    for kind, by in sorted(counts.items()):
        lines.append(f"{kind:24} {by.total():7d} {by['accepted']:9d} {by['told']:7d} {by['find']:6d}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
