"""A run's weights to what ships: `python shipped_weights/sosgen/ship.py --run runs/sosgen [--pictures runs/pictures]`.

What a run of `sosgen-pictures` adds is one file; the weights beside which it learned stay as they are.
"""

import argparse
import shutil
from pathlib import Path

if __package__ in {None, ""}:
    import sys

    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from storysound.generate.maker import WEIGHTS
from storysound.generate.sosgen import BRANCH_FILE, FILE, fingerprint, read_parts


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, help="of sosgen-flow")
    parser.add_argument("--pictures", type=Path, help="of sosgen-pictures")
    options = parser.parse_args()
    if options.run:
        read_parts(options.run / "sosgen")
        WEIGHTS.mkdir(exist_ok=True)
        shutil.copyfile(options.run / "sosgen" / FILE, WEIGHTS / FILE)
        (WEIGHTS / BRANCH_FILE).unlink(missing_ok=True)
    if options.pictures:
        if fingerprint(read_parts(options.pictures / "sosgen").flow) != fingerprint(read_parts(WEIGHTS).flow):
            parser.error(f"{options.pictures} learned beside another {FILE} than the one that ships")
        shutil.copyfile(options.pictures / "sosgen" / BRANCH_FILE, WEIGHTS / BRANCH_FILE)
    parts = read_parts(WEIGHTS)
    for file, networks in ((FILE, (parts.code, parts.flow)), (BRANCH_FILE, (parts.branch,))):
        if (WEIGHTS / file).exists():
            numbers = [sum(p.numel() for p in network.parameters()) for network in networks if network]
            print(f"{file}: {(WEIGHTS / file).stat().st_size / 1e6:.1f} MB, {numbers} parameters")


if __name__ == "__main__":
    main()
