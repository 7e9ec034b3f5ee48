"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

from storysound.config import load_profile
from storysound.encode.pool import Models
from storysound.weights.resolver import Resolver

# Property tests look for new examples on a developer's machine; a submission is judged by the same ones every time.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")


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
