"""What the corpus sounds and looks like, as recipes read it: log-mel slices, their kinds, texts and picture classes.

python shipped_weights/sosgen/prepare.py --out slices
"""

import argparse
import json
import tomllib
from pathlib import Path

import numpy as np
import soxr

if __package__ in {None, ""}:
    import sys

    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from shipped_weights.sosgen.corpus import HERE, RATE_HZ, cache_folder

from storysound.generate import sosgen

TEMPLATES = ("{}", "the sound of {}", "{} in the background", "{}, recorded close by", "we hear {}")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=cache_folder())
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    table = tomllib.loads((HERE / "classes.toml").read_text())
    words: dict[str, list[str]] = table["words"]
    kinds = [kind for kind in words if (options.cache / "sounds" / f"{kind}.npy").exists()]
    mels, numbers = [], []
    for number, kind in enumerate(kinds):
        for sound in np.load(options.cache / "sounds" / f"{kind}.npy"):
            samples = soxr.resample(sound.astype(np.float32) / 32768, RATE_HZ, sosgen.RATE_HZ)
            mels.append(sosgen.FORM.frames(samples, sosgen.FRAMES).astype(np.float16))
            numbers.append(number)
    order = np.random.default_rng(0).permutation(len(mels))
    options.out.mkdir(parents=True, exist_ok=True)
    np.save(options.out / "mels.npy", np.stack(mels)[order])
    np.save(options.out / "kinds.npy", np.array(numbers)[order])
    texts = {kind: [template.format(word) for word in words[kind] for template in TEMPLATES] for kind in kinds}
    (options.out / "texts.json").write_text(json.dumps(texts, indent=1))
    shows = {
        kind: [number for first, last in table["shows"].get(kind, []) for number in range(first, last + 1)]
        for kind in kinds
    }
    (options.out / "shows.json").write_text(json.dumps(shows))
    counts = np.bincount(numbers, minlength=len(kinds))
    print(len(mels), "slices:", ", ".join(f"{kind} {count}" for kind, count in zip(kinds, counts, strict=True)))


if __name__ == "__main__":
    main()
