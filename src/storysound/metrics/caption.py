"""How near captions are to what people wrote: BLEU, METEOR, ROUGE-L, CIDEr, SPICE and SPIDEr, as COCO computes them.

Equal to pycocoevalcap 1.2, which needs Java to find words; ours does not (`ptb`). METEOR and SPICE are programs in Java
and are run where they can be had (`judges`). Chen et al. 2015, "Microsoft COCO Captions", section 3.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from storysound.errors import MissingModelError
from storysound.metrics import ptb
from storysound.metrics.judges import Judge, meteor

Tokens = list[str]
Ngram = tuple[str, ...]
Items = list[float]

ORDERS = 4  # longest n-grams that BLEU and CIDEr count
BETA = 1.2  # how much ROUGE-L prefers recall
SIGMA = 6.0  # of CIDEr-D's penalty on differing lengths, in words
_SMALL, _TINY = 1e-9, 1e-15  # in BLEU's fractions, as in COCO's code: no division by 0, and 0 of 0 is nearly 0


def evaluate(
    candidates: Sequence[str], references: Sequence[Sequence[str]], judges: Sequence[Judge] | None = None
) -> dict[str, Any]:
    """Figures of captions, each against its own references.

    Keys: Bleu_1 … Bleu_4, ROUGE_L, METEOR, SPICE in [0, 1]; CIDEr (the variant CIDEr-D) and SPIDEr, the mean of CIDEr
    and SPICE, in [0, 10]; `items`: the same per caption; `n`; `tokeniser`, `protocol`; `left_out`: why a figure is
    missing. `judges`: METEOR and SPICE; None: METEOR where it is installed. CIDEr needs more than one item: words that
    every item's references have weigh nothing. Raises ValueError where a candidate has no references,
    MissingModelError of the judges given.

    >>> found = evaluate(["a dog barks", "rain falls"], [["a dog is barking"], ["rain falls"]], judges=())
    >>> round(found["Bleu_1"], 4), round(found["ROUGE_L"], 4), found["n"]
    (0.655, 0.7785, 2)
    """
    if len(candidates) != len(references) or not candidates:
        raise ValueError(f"needs references for each caption, got {len(candidates)} and {len(references)}")
    if any(isinstance(some, str) or not some for some in references):
        raise ValueError("each caption needs a list of one or more references")
    told = [ptb.tokens(text) for text in candidates]
    wanted = [[ptb.tokens(text) for text in texts] for texts in references]
    items, figures = _counted(told, wanted)
    left_out = {
        "METEOR": "not among the judges",
        "SPICE": "needs Java and Stanford's models: give judges.Spice(folder)",
        "SPIDEr": "needs SPICE",
    }
    if judges is None:
        try:
            judges = (meteor(),)
        except MissingModelError as error:
            judges, left_out["METEOR"] = (), str(error)
    for judge in judges:
        figures[judge.name], items[judge.name] = judge.scores(told, wanted)
    if "SPICE" in figures:
        figures["SPIDEr"] = (figures["CIDEr"] + figures["SPICE"]) / 2
        items["SPIDEr"] = [(a + b) / 2 for a, b in zip(items["CIDEr"], items["SPICE"], strict=True)]
    counts = "/".join(str(count) for count in sorted({len(some) for some in references}))
    protocol = f"{counts} references a caption; corpus BLEU, closest length; CIDEr-D, sigma {SIGMA:g}"
    left_out = {name: why for name, why in left_out.items() if name not in figures}
    about = {"n": len(candidates), "tokeniser": ptb.NAME, "protocol": protocol, "left_out": left_out}
    return {**figures, "items": items, **about}


def _counted(told: Sequence[Tokens], wanted: Sequence[Sequence[Tokens]]) -> tuple[dict[str, Items], dict[str, float]]:
    """What needs no other program: per caption, and of all."""
    items: dict[str, Items] = {}
    figures: dict[str, float] = {}
    for order, (figure, each) in enumerate(zip(*bleu(told, wanted), strict=True), 1):
        figures[f"Bleu_{order}"], items[f"Bleu_{order}"] = figure, each
    items["ROUGE_L"] = [rouge_l(*pair) for pair in zip(told, wanted, strict=True)]
    items["CIDEr"] = cider_d(told, wanted)
    return items, figures | {name: float(np.mean(items[name])) for name in ("ROUGE_L", "CIDEr")}


def bleu(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> tuple[list[float], list[Items]]:
    """BLEU-1 to -4 of the whole set, and of each caption: [4], [4 n] (Papineni et al. 2002).

    Of several references the one nearest in length counts for the brevity penalty, the shorter of two equally near.
    """
    correct, guessed = np.zeros((2, len(candidates), ORDERS))
    lengths = np.zeros((len(candidates), 2))
    for i, (told, wanted) in enumerate(zip(candidates, references, strict=True)):
        most: Counter[Ngram] = Counter()
        for reference in wanted:
            most |= ngrams(reference)
        for ngram, count in (ngrams(told) & most).items():
            correct[i, len(ngram) - 1] += count
        guessed[i] = [max(0, len(told) - order) for order in range(ORDERS)]
        nearest = min((abs(len(reference) - len(told)), len(reference)) for reference in wanted)[1]
        lengths[i] = len(told), nearest
    whole = _bleu(correct.sum(axis=0), guessed.sum(axis=0), *lengths.sum(axis=0))
    each = [_bleu(*row, *length) for *row, length in zip(correct, guessed, lengths, strict=True)]
    return whole, [list(column) for column in zip(*each, strict=True)]


def _bleu(correct: Any, guessed: Any, told: float, wanted: float) -> list[float]:
    """Geometric means of the precisions up to each order, times the brevity penalty."""
    precision = (correct + _TINY) / (guessed + _SMALL)
    means = np.cumprod(precision) ** (1 / np.arange(1, ORDERS + 1))
    ratio = (told + _TINY) / (wanted + _SMALL)
    scaled: list[float] = (means * np.exp(min(0.0, 1 - 1 / ratio))).tolist()
    return scaled


def rouge_l(candidate: Tokens, references: Sequence[Tokens]) -> float:
    """F of the longest common subsequence; precision and recall are each the best of all references (Lin 2004)."""
    common = [_longest_common(candidate, reference) for reference in references]
    precision = max(common) / max(len(candidate), 1)
    recall = max(shared / max(len(reference), 1) for shared, reference in zip(common, references, strict=True))
    if not precision or not recall:
        return 0.0
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)


def _longest_common(a: Tokens, b: Tokens) -> int:
    row = [0] * (len(b) + 1)
    for word in a:
        before = row
        row = [0]
        for j, other in enumerate(b):
            row.append(before[j] + 1 if word == other else max(before[j + 1], row[j]))
    return row[-1]


def cider_d(candidates: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> Items:
    """CIDEr-D of each caption in [0, 10]: tf-idf cosines of 1- to 4-grams (Vedantam et al. 2015, Eq. 4 and 5).

    Counts of the candidate are clipped at the reference's, and a Gaussian of the difference in length divides; idf is
    of these references: of items whose references have the n-gram.
    """
    spread = [[ngrams(reference) for reference in wanted] for wanted in references]
    among = Counter(ngram for wanted in spread for ngram in set().union(*wanted))
    total = np.log(len(candidates))
    idf = {ngram: total - np.log(count) for ngram, count in among.items()}
    found = []
    for told, texts, counts in zip(candidates, references, spread, strict=True):
        vector, norms = _tf_idf(ngrams(told), idf, total)
        scores = []
        for text, counted in zip(texts, counts, strict=True):
            other, its_norms = _tf_idf(counted, idf, total)
            shared = np.zeros(ORDERS)
            for ngram in vector.keys() & other.keys():
                shared[len(ngram) - 1] += min(vector[ngram], other[ngram]) * other[ngram]
            scale = norms * its_norms
            cosine = np.divide(shared, scale, out=np.zeros(ORDERS), where=scale > 0)
            apart = max(len(told) - 1, 0) - max(len(text) - 1, 0)  # COCO's code counts bigrams
            scores.append(cosine.mean() * np.exp(-(apart**2) / (2 * SIGMA**2)))
        found.append(10 * float(np.mean(scores)))
    return found


def _tf_idf(counts: Counter[Ngram], idf: dict[Ngram, float], unknown: float) -> tuple[dict[Ngram, float], Any]:
    """Weights of n-grams and their norm per order [4]."""
    weights = {ngram: count * idf.get(ngram, unknown) for ngram, count in counts.items()}
    squares = np.zeros(ORDERS)
    for ngram, weight in weights.items():
        squares[len(ngram) - 1] += weight**2
    return weights, np.sqrt(squares)


def token_f1(told: Sequence[str], wanted: Sequence[str]) -> float:
    """F1 of two bags of words, whatever their order.

    >>> token_f1(["dog", "bark"], ["dog", "dog", "run"])
    0.4
    """
    shared = (Counter(told) & Counter(wanted)).total()
    return 2 * shared / max(len(told) + len(wanted), 1)


def ngrams(tokens: Tokens) -> Counter[Ngram]:
    """How often each run of one to four tokens stands in a text.

    >>> ngrams(["a", "b", "a"])[("a",)]
    2
    """
    return Counter(
        tuple(tokens[i : i + order]) for order in range(1, ORDERS + 1) for i in range(len(tokens) - order + 1)
    )
