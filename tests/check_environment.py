"""Fails where the environment holds what must never be there, or what the constraints file does not pin."""

import re
import sys
from importlib.metadata import distributions
from pathlib import Path

FORBIDDEN = {"torchvision", "torchaudio"}  # their wheels break a CPU torch and all that imports it
BUILD_TOOLS = {"pip", "setuptools", "wheel", "storysound"}  # come with the venv, or are this project


def normal(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> int:
    """Compare what is installed with constraints.txt."""
    pinned: dict[str, str] = {}
    for line in (Path(__file__).parents[1] / "constraints.txt").read_text().splitlines():
        name, sep, version = line.partition("==")
        if sep:
            pinned[normal(name)] = version.strip()
    installed = {normal(d.metadata["Name"]): d.version for d in distributions()}
    faults = [f"{name} is installed; it must never be" for name in FORBIDDEN & installed.keys()]
    faults += [f"{name} is pinned; it must never be" for name in FORBIDDEN & pinned.keys()]
    for name, version in installed.items():
        if name in BUILD_TOOLS:
            continue
        if name not in pinned:
            faults.append(f"{name}=={version} is installed but not in constraints.txt")
        elif version.split("+")[0] != pinned[name]:
            faults.append(f"{name}=={version} is installed, constraints.txt says {pinned[name]}")
    for fault in sorted(faults):
        sys.stderr.write(f"environment: {fault}\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
