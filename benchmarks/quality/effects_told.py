"""How many effects laid under a story without pictures are right, and how many paragraphs that deserve one get one.

Run: python -m benchmarks.quality.effects_told [../shared/data] [--half choose|report] [--library LIBRARY]

Paragraphs of `effects_told.tsv`, a half as one text, each judged before anything was run; the library, names ignored,
is that of `effects.py`. A paragraph deserves an effect where some class fits. What is heard once belongs to the
paragraph in which it begins, ambience to those of which it covers half. Intervals: 95 % of Wilson's.
"""

import argparse
import tempfile
from pathlib import Path

from benchmarks.quality.effects import classes_of_sounds, laid_under, library_of
from benchmarks.quality.scene_words import share
from storysound.config import load_profile
from storysound.encode.pool import Models
from storysound.ingest.footage import read_footage
from storysound.jobs.plan import plan
from storysound.jobs.plan.request import PlanRequest
from storysound.progress import Watch
from storysound.weights.resolver import Resolver

PARAGRAPHS = Path(__file__).parent / "effects_told.tsv"


def paragraphs(half: str) -> list[tuple[str, frozenset[str]]]:
    """Each with the classes of sounds that fit it."""
    rows = [line.split("\t") for line in PARAGRAPHS.read_text("utf-8").splitlines() if not line.startswith("#")]
    return [(text, frozenset(fits.split())) for own, text, fits in rows if own == half]


def main() -> None:
    """Prints each effect and whether it is right, and the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", default=Path("../shared/data"))
    parser.add_argument("--half", choices=("choose", "report"), default="choose")
    parser.add_argument("--library", type=Path, help="of these sounds, where there is one already")
    options = parser.parse_args()
    models, judged = Models(load_profile("embedded"), Resolver()), paragraphs(options.half)
    labels = classes_of_sounds(options.data)
    with tempfile.TemporaryDirectory() as folder:
        library = library_of(options.data, options.library or Path(folder) / "library", models)
        story = Path(folder) / "story.txt"
        story.write_text("\n\n".join(text for text, _ in judged), "utf-8")
        request = PlanRequest(
            story, library, Path(folder) / "effects.cues.json", music=False, fill="none", ignore_names=True
        )
        score = plan.run(request, models, Watch()).score
        units = read_footage(story, Watch()).story.units
    assert len(units) == len(judged)
    laid: list[tuple[int, bool]] = []
    for number, ((text, fits), unit) in enumerate(zip(judged, units, strict=True)):
        for cue, label in laid_under(score, unit, labels):
            laid.append((number, label in fits))
            print(f"{'right' if label in fits else 'WRONG'} {text[:50]:50} {label:16} {'; '.join(cue.why)[:90]}")
    deserving = {number for number, (_, fits) in enumerate(judged) if fits}
    print("none:", *(f"\n  {judged[number][0][:70]}" for number in sorted(deserving - {at for at, _ in laid})))
    print(share("effects that are right", sum(right for _, right in laid), len(laid)))
    right = {at for at, is_right in laid if is_right}
    print(share("paragraphs that deserve one with a right one", len(right), len(deserving)))


if __name__ == "__main__":
    main()
