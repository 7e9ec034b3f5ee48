"""MAC: videos retrieved by spoken descriptions of them, by several experts and co-attention between both sides."""

from dataclasses import dataclass, field

from storysound.match.mac_model import Config
from storysound.research.paper import Citation, Erratum, Paper, PublishedRow

CITATION = Citation(
    key="mac",
    authors="Hao, X., Zhang, W., Wu, D., Zhu, F. and Li, B.",
    title="Listen and Look: Multi-Modal Aggregation and Co-Attention Network for Video-Audio Retrieval",
    venue="IEEE International Conference on Multimedia and Expo",
    year=2022,
)

_PAIRS = "storysound.match.mac.CoAttentionMatcher"
_LOSS = "storysound.losses.ranking.bidirectional_margin"

EQUATIONS = {
    "1": _PAIRS,  # video attends to sound
    "2": _PAIRS,  # sound attends to video
    "3": _LOSS,
}


@dataclass(frozen=True)
class MacPaperTraining:
    """How the model was trained. "CE": the paper is silent, Collaborative Experts' public code settles it."""

    model: Config = field(default_factory=Config)  # widths of the experts' features: CE
    margin: float = 0.3
    negatives: str = "sum"  # as Eq. 3 is printed; erratum 2
    batch: int = 128
    rate: float = 0.01
    weight_decay: float = 1e-3
    optimiser: str = "Adam"
    encoders: str = "frozen"


RETRIEVAL = MacPaperTraining()

_QUERYD_P, _QUERYD_C = "QuerYD test set, paragraphs", "QuerYD test set, clips given"
_TABLES = {"1": ("paragraph", _QUERYD_P), "2": ("clip", _QUERYD_C)}


def _both(table: str, model: str, a2v: tuple[float, ...], v2a: tuple[float, ...], rsum: float) -> list[PublishedRow]:
    """Two rows of tables 1 and 2: recalls at 1, 5 and 10 in per cent, the median rank; the sum of all six recalls."""
    task, data = _TABLES[table]
    rows = []
    for direction, (*percent, median_rank) in (("A2V", a2v), ("V2A", v2a)):
        figures = {name: round(value / 100, 7) for name, value in zip(("r1", "r5", "r10"), percent, strict=True)}
        figures |= {"median_rank": median_rank, "rsum": round(rsum / 100, 7)}
        rows.append(PublishedRow(table, f"{task} {direction}", model, figures, data))
    return rows


def _table_3(model: str, data: str, t2a: tuple[float, float], a2t: tuple[float, float]) -> list[PublishedRow]:
    """Recalls at 1 and 10 in per cent."""
    return [
        PublishedRow("3", task, f"{model}, {data}", {"r1": round(r1 / 100, 7), "r10": round(r10 / 100, 7)}, data)
        for task, (r1, r10) in (("T2A", t2a), ("A2T", a2t))
    ]


PUBLISHED = (
    *_both("1", "MAC", (16.6, 39.8, 52.5, 9), (17.3, 39.8, 50.7, 10), 216.7),
    *_both("1", "CE", (13.9, 37.6, 48.3, 11.3), (13.7, 35.2, 46.9, 12.3), 195.6),
    *_both("1", "MoEE", (11.6, 30.2, 43.2, 14.2), (13.0, 30.9, 43.0, 14.5), 171.9),
    *_both("1", "E2EWS", (13.5, 27.5, 34.5, 35), (12.4, 23.8, 30.8, 33), 142.5),
    *_both("2", "MAC", (19.9, 41.6, 50.3, 10), (20.1, 40.7, 50.2, 10), 222.8),
    *_both("2", "CE", (18.2, 38.1, 46.8, 13.3), (18.1, 37.3, 45.9, 14), 204.4),
    *_both("2", "MoEE", (19.0, 38.9, 47.9, 12), (19.8, 39.6, 47.6, 13), 212.8),
    *_both("2", "E2EWS", (6.7, 14.7, 20.4, 133), (8.4, 15.4, 19.8, 154.5), 85.4),
    *_table_3("MAC", "AudioCaps", (23.9, 74.2), (28.8, 76.0)),
    *_table_3("CE", "AudioCaps", (22.9, 70.2), (26.1, 72.7)),
    *_table_3("MoEE", "AudioCaps", (22.5, 70.0), (25.7, 73.0)),
    *_table_3("MAC", "Clotho", (6.4, 33.0), (7.7, 33.9)),
    *_table_3("CE", "Clotho", (5.8, 31.3), (7.3, 32.8)),
    *_table_3("MoEE", "Clotho", (5.1, 30.1), (6.3, 29.9)),
)

# Section 4.4: how far R@1 of the whole model is above that of the one without co-attention, relatively.
GAIN_OF_CO_ATTENTION = {"paragraph A2V": 0.1216, "clip A2V": 0.1569}

ERRATA = (
    Erratum(
        1,
        'The "audio" of video-audio retrieval is a spoken description, which reaches the model as the words that a '
        "recogniser wrote down: its audio stream is text-shaped.",
        "The side that is heard takes words (subtitles, texts, or speech written down) or the features of sounds.",
        "storysound.match.mac_experts.Sides",
    ),
    Erratum(
        2,
        'Eq. 3 is called a loss of hard negatives and sums over all j other than i; a "negative text" stands where '
        "sounds are meant.",
        "All three readings: the sum (as printed), the mean (Collaborative Experts), the hardest (VSE++).",
        _LOSS,
    ),
    Erratum(
        3,
        "Co-attention makes an embedding depend on its partner; how s(i, j) is formed for i other than j isn't said.",
        "Every pair of both sides is co-attended, in training too; no pair knows of another, or who belongs together.",
        _PAIRS,
    ),
    Erratum(
        4,
        "Sizes of NetVLAD, the gated embedding and what is done where an expert is missing aren't printed; sound is "
        '"often absent, thus resulting in a zero vector".',
        "Collaborative Experts': 20 clusters and a ghost for words, 16 for sound; linear, context gating, L2; missing "
        "experts are left out and the weights of the others sum to 1.",
        "storysound.match.mac_model.Mac",
    ),
    Erratum(
        5,
        "Sums of recalls are printed without how they are formed, and the clip task's gains are told against CE, "
        "though MoEE is above it in Table 2.",
        "They are the sums of the six recalls of both directions, and right in every row.",
        "storysound.research.mac.about.PUBLISHED",
    ),
)

PAPER = Paper(CITATION, EQUATIONS, ERRATA, PUBLISHED)
