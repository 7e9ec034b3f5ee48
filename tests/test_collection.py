"""Tests are called the same whoever collects them: workers that disagree run nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


def test_names_hold_no_time_no_chance_and_no_address(request: pytest.FixtureRequest) -> None:
    """Of every test that is run here, in another process, later, whose sets are in another order."""
    options = ["--collect-only", "-q", "-o", "addopts=", "-p", "no:cacheprovider"]
    other = {**os.environ, "PYTHONHASHSEED": "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"}
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "tests"],
        cwd=Path(__file__).parents[1], env=other, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    found = set(run.stdout.splitlines()[:-1])
    assert len(found) > 1000
    own = {item.nodeid for item in request.session.items if item.nodeid.startswith("tests/")}
    assert own - found == set()
