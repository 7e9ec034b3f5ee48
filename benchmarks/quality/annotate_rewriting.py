"""Whether what a language model invents is found, and other words for the same pass (`annotate.faithful`).

Run: python -m benchmarks.quality.annotate_rewriting [--seed 0]

Captions by grammar of a class of AudioSet are rewritten by templates. True rewritings call it by its name, or by
another of its own names ("bark", "yip"); invented ones add a class of another family, a name or a number. Classes are
parted in two halves by the hash of their names: nearnesses were compared on `choose`, the figures to believe are those
of `report`. No language model takes part: none can be had here.
"""

import argparse
from hashlib import sha256

import numpy as np

from storysound.annotate.faithful import NEAR, Faithful
from storysound.annotate.families import SETTING, audioset
from storysound.annotate.sentences import noun_phrase
from storysound.config import load_profile
from storysound.encode import lemmas
from storysound.encode.ears import class_names
from storysound.encode.pool import Models
from storysound.encode.wording import synonyms
from storysound.weights.resolver import Resolver

NAMES = ("Rex", "Anna", "Paris", "Tokyo", "Mr Smith")
ANSWERS = (
    "Throughout the clip {0} can be heard.",
    "The audio features {0} from beginning to end.",
    "There is {0} in the background during the whole clip.",
)


def half(label: str) -> str:
    """Which half a class lies in."""
    return "report" if sha256(f"rewriting\0{label}".encode()).digest()[0] % 2 else "choose"


Pairs = dict[str, list[tuple[str, str]]]


def cases(part: str, seed: int) -> tuple[Pairs, Pairs]:
    """Captions with their answers by kind: true rewritings, and inventions."""
    rng, tree = np.random.default_rng(seed), audioset()
    labels = [label for label in class_names() if half(label) == part and tree.family.get(label) != SETTING]
    true: Pairs = {"same name": [], "other name": []}
    invented: Pairs = {"thing": [], "name": [], "number": []}
    for label in labels:
        names = synonyms(label)
        caption = f"{noun_phrase(names[0]).capitalize()} is heard throughout."
        answer = ANSWERS[int(rng.integers(len(ANSWERS)))]
        for kind, name in zip(true, names, strict=False):
            true[kind].append((caption, answer.format(noun_phrase(name))))
        other = labels[int(rng.integers(len(labels)))]
        if tree.family.get(other) != tree.family.get(label):
            both = f"{noun_phrase(names[0])} and {noun_phrase(synonyms(other)[0])}"
            invented["thing"].append((caption, answer.format(both)))
        named = f"{noun_phrase(names[0])} near {NAMES[int(rng.integers(len(NAMES)))]}"
        invented["name"].append((caption, answer.format(named)))
        invented["number"].append((caption, answer.format(f"{noun_phrase(names[0])} {rng.integers(11, 99)} times")))
    return true, invented


def shares(judge: Faithful, pairs: Pairs) -> str:
    """How many are refused of each kind, in words."""
    refused = {
        kind: sum(bool(judge.fault(answer, [caption])) for caption, answer in own) for kind, own in pairs.items()
    }
    return ", ".join(f"{kind} {count / len(pairs[kind]):.2f} of {len(pairs[kind])}" for kind, count in refused.items())


def main() -> None:
    """The figures of both halves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    models = Models(load_profile(), Resolver(offline=True))
    lemma = models.get("lemmas", lemmas.load).of
    for part, nears in (("choose", (0.3, 0.4, 0.5, 0.6)), ("report", (NEAR,))):
        true, invented = cases(part, options.seed)
        for near in nears:
            judge = Faithful(models.text, lemma, near)
            taken, found = (shares(judge, pairs) for pairs in (true, invented))
            print(f"{part}, near {near}: refused of true rewritings: {taken}; of inventions: {found}")


if __name__ == "__main__":
    main()
