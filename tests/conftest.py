"""Fixtures shared by all tests."""

import gc
import os
import random
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from storysound.config import load_profile
from storysound.encode.pool import Models
from storysound.weights.resolver import Resolver

# The same examples every time, however busy the machine: no run fails by chance. New ones are looked for with
# --hypothesis-profile=search
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None)
settings.load_profile("same")


@pytest.fixture(scope="module", autouse=True)
def lasting_is_no_garbage() -> None:
    """Collections of garbage, which jobs ask for at each step, needn't walk all that was loaded for tests before."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def same_numbers() -> None:
    """Whatever ran before, a test that draws from the libraries' own generators draws the same."""
    random.seed(0)
    np.random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real test data; tests that need it are skipped where it is absent."""
    default = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"
    folder = Path(os.environ.get("STORYSOUND_TEST_DATA", default)).resolve()
    if not folder.is_dir():
        pytest.skip(f"no test data at {folder}: set STORYSOUND_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def weights() -> Resolver:
    """The user's weight cache, never reaching for the network; `storysound models pull` fills it."""
    return Resolver(offline=True)


@pytest.fixture(scope="session")
def models(weights: Resolver) -> Models:
    """The embedded profile's models, each loaded once for all tests that share them."""
    return Models(load_profile(), weights)
