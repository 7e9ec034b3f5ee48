"""Tests are called the same whoever collects them: workers that disagree run nothing."""

import os
import subprocess
import sys
import time
from pathlib import Path


def test_names_hold_no_time_no_chance_and_no_address() -> None:
    """Of every test, in two processes a second apart whose sets are in other orders."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--collect-only",
        "-q",
        "-o",
        "addopts=",
        "-p",
        "no:cacheprovider",
        "tests",
    ]
    runs = []
    for seed in "12":
        here = {**os.environ, "PYTHONHASHSEED": seed}
        runs.append(
            subprocess.Popen(command, cwd=Path(__file__).parents[1], env=here, stdout=subprocess.PIPE, text=True)
        )
        time.sleep(1.1)
    one, other = (set(run.communicate()[0].splitlines()[:-1]) for run in runs)
    assert len(one) > 1000
    assert one ^ other == set()
