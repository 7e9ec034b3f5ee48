"""The command line of benchmarks that learn: one proof by name, or all; results also as JSON."""

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from benchmarks.quality.quality import data_folder
from storysound.weights.resolver import Resolver

Proof = Callable[[Path, Resolver, Path], Any]  # shared data, weights, folder in which features are kept


def run(about: str, proofs: Mapping[str, Proof]) -> None:
    """Runs the proof that the command names, or all of them. `about`: the docstring of the benchmark."""
    parser = argparse.ArgumentParser(description=about.split("\n\n")[0])
    parser.add_argument("proof", nargs="?", choices=list(proofs))
    parser.add_argument("--cache", type=Path, default=Path("build/sos-learning"))
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    weights, shared = Resolver(offline=True), data_folder()
    chosen = [given.proof] if given.proof else list(proofs)
    found = {name: proofs[name](shared, weights, given.cache) for name in chosen}
    if given.json:
        given.json.write_text(json.dumps(found, indent=1))
