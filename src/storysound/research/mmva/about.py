"""MMVA: pictures, music and its captions matched by valence and arousal."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from storysound.match.mmva import EXTREME, KEPT, PAIRS
from storysound.match.mmva_model import Config
from storysound.research.paper import Citation, Erratum, Paper, PublishedRow

CITATION = Citation(
    key="mmva",
    authors="Choi, S., Kim, K. W. and Kang, M.",
    title="MMVA: Multimodal Matching Based on Valence and Arousal across Images, Music, and Musical Captions",
    venue="arXiv:2501.01094",
    year=2025,
    url="https://arxiv.org/abs/2501.01094",
)

EQUATIONS = {
    "1": "storysound.match.mmva.matching_score",
    "2": "storysound.losses.valence_arousal.mood_loss",
    "3": "storysound.losses.valence_arousal.matching_loss",
    "4": "storysound.losses.valence_arousal.total",
    "5": "storysound.metrics.summary.overlap",
}


@dataclass(frozen=True)
class MmvaPaperTraining:
    """How the model was trained."""

    model: Config = field(default_factory=Config)
    image_encoder: str = "CLIP ViT-B/32"
    music_encoder: str = "MERT-95M"
    text_encoder: str = "RoBERTa-base"
    optimiser: str = "AdamW"
    rate: float = 3e-4
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.999)
    schedule: str = "cosine"
    batch: int = 128
    epochs: int = 1000
    loss_weight: float = 1.0  # of each part of Eq. 4
    candidates: int = 1000  # pairs of music and caption in Table 2


@dataclass(frozen=True)
class MmvaPaperData:
    """How IMEMNet-C was made of IAPS, NAPS and EMOTIC (pictures) and DEAM (music). Its counts: erratum 1."""

    piece_s: float = 2.0
    joined: int = 5  # pieces in a clip at most
    pairs_per_clip: int = PAIRS
    pairs_best: int = EXTREME
    pairs_worst: int = EXTREME
    pairs_kept: float = KEPT
    train: float = 0.80
    validation: float = 0.05
    test: float = 0.15
    captioner: str = "LP-MusicCaps"
    refiner: str = "Llama-3.1-8B"
    examples: int = 4  # in the refiner's prompt
    summary_share: float = 0.15  # of a video


TRAINING, DATA = MmvaPaperTraining(), MmvaPaperData()

_IMEMNET = "IMEMNet's test part"
_MOODS = tuple(f"{modality} {axis}" for modality in ("image", "music", "text") for axis in ("valence", "arousal"))


def _errors(table: str, model: str, *values: float | None) -> Iterator[PublishedRow]:
    """A row of Tables 1 and 3: MSE and MAE of the similarity, then of valence and arousal of each modality."""
    for task, mse, mae in zip(("similarity", *_MOODS), values[::2], values[1::2], strict=False):
        if mse is not None and mae is not None:
            yield PublishedRow(table, task, model, {"mse": mse, "mae": mae}, _IMEMNET)


def _retrieval(table: str, model: str, data: str, *percent: float) -> PublishedRow:
    named = zip(("r1", "r5", "r10", "map10"), percent, strict=True)
    return PublishedRow(table, "text to music", model, {name: round(value / 100, 6) for name, value in named}, data)


_THOUSAND, _MSD = "IMEMNet-C, 1,000 pairs", "Million Song Dataset, 1,000 pairs"
_OURS = (0.0231, 0.110, 0.049, 0.181, 0.0003, 0.008, 0.0002, 0.007, 0.019, 0.094, 0.015, 0.082)

PUBLISHED = (
    *_errors("1", "SP-Net", 0.135, 0.301, 0.048, 0.165, 0.054, 0.186, 0.026, 0.120, 0.020, 0.114),
    *_errors("1", "L3-Net", 0.095, 0.232, 0.058, 0.183, 0.085, 0.232, 0.034, 0.143, 0.028, 0.136),
    *_errors("1", "ACP-Net", 0.086, 0.222, 0.062, 0.195, 0.091, 0.241, 0.027, 0.130, 0.022, 0.131),
    *_errors("1", "CDCML", 0.067, 0.210, 0.044, 0.157, 0.050, 0.175, 0.024, 0.118, 0.015, 0.099),
    *_errors("1", "MMVA", 0.033, 0.147, *_OURS),
    *_errors(
        "3", "MMVA, no random matching", 0.085, 0.247,
        0.051, 0.174, 0.065, 0.208, 0.049, 0.168, 0.014, 0.092, 0.053, 0.179, 0.021, 0.118,
    ),
    *_errors(
        "3", "MMVA, no similarity predictor", None, None,
        0.0232, 0.114, 0.053, 0.185, 0.0004, 0.010, 0.0003, 0.010, 0.020, 0.102, 0.017, 0.091,
    ),
    _retrieval("2", "Class-bin", _MSD, 4.0, 13.8, 20.1, 8.3),
    _retrieval("2", "Triplet-Glove", _MSD, 2.8, 11.2, 18.6, 6.6),
    _retrieval("2", "Triplet-BERT", _MSD, 6.7, 23.6, 36.6, 14.1),
    _retrieval("2", "Contrastive-BERT", _MSD, 10.2, 29.8, 42.8, 18.7),
    _retrieval("2", "MMVA", _THOUSAND, 6.7, 18.6, 24.4, 11.66),
    *(
        PublishedRow(table, "TVSum", model, {"f_mean": round(percent / 100, 4)}, "TVSum, 50 videos")
        for table, model, percent in (
            ("4", "random summary", 54.4), ("4", "DR-DSN", 57.6), ("4", "CSNet", 58.8), ("4", "AC-SUM-GAN", 60.6),
            ("4", "CA-SUM", 61.4), ("4", "MMVA", 58.2), ("5, summaries", "MMVA, no random matching", 56.6),
            ("5, summaries", "MMVA, no similarity predictor", 55.9),
        )
    ),
    _retrieval("5", "MMVA, no random matching", _THOUSAND, 0.4, 1.4, 2.9, 1.00),
    _retrieval("5", "MMVA, no similarity predictor", _THOUSAND, 5.8, 15.6, 19.9, 10.00),
)  # fmt: skip

ERRATA = (
    Erratum(
        1,
        "Pictures are 24,756 and 25,620, clips 25,944 and 23,944; 1,356 pictures of NAPS, 510 in the public table.",
        "What is loaded is counted; no recipe holds a count.",
        "storysound.research.mmva.build.build",
    ),
    Erratum(
        2,
        "Sigma of Eq. 1 is the mean distance over all pairs, its value is not printed.",
        "The mean over all pairs of pictures and clips of the set; the public pairs fit about 0.35.",
        "storysound.match.mmva.mean_distance",
    ),
    Erratum(
        3,
        "Music's errors of .0003 and .0002 suggest that pieces of one track lie in training and test.",
        "Tracks are kept whole, and with them files of the same content and groups.",
        "storysound.ingest.splits.split",
    ),
    Erratum(
        4,
        '"The last 13 transformer blocks" of models that have 12.',
        "12 blocks and the embeddings before them.",
        "storysound.match.mmva_model.BERT_LAYERS",
    ),
    Erratum(
        5,
        "Templates and candidate words of the music prompts are in a figure and not in the text.",
        "Our own, in one data file.",
        "storysound.generate.prompts.shipped",
    ),
    Erratum(
        6,
        "Which shots the knapsack chooses from is not printed, and a random summary is said to score 54.4.",
        "F is the mean over people; shots are named beside every figure, with Kendall's and Spearman's correlations.",
        "storysound.metrics.summary.evaluate",
    ),
    Erratum(
        7,
        "The ablations keep IMEMNet's fixed pairs and leave out the similarity predictor; no code is public.",
        "Both are settings of the training.",
        "storysound.research.mmva.settings.MmvaTraining",
    ),
)

PAPER = Paper(CITATION, EQUATIONS, ERRATA, PUBLISHED)
