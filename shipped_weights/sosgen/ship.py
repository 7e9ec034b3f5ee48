"""A run's weights to what ships: `python shipped_weights/sosgen/ship.py --run runs/sosgen`."""

import argparse
import shutil
from pathlib import Path

if __package__ in {None, ""}:
    import sys

    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from storysound.generate.sosgen import FILE, SHIPPED, read_parts


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True)
    options = parser.parse_args()
    parts = read_parts(options.run / "sosgen")
    SHIPPED.mkdir(exist_ok=True)
    shutil.copyfile(options.run / "sosgen" / FILE, SHIPPED / FILE)
    numbers = [sum(p.numel() for p in part.parameters()) for part in (parts.code, parts.flow)]
    print(f"{(SHIPPED / FILE).stat().st_size / 1e6:.1f} MB, {numbers} parameters, {len(parts.texts)} texts")


if __name__ == "__main__":
    main()
