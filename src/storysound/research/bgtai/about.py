"""BGTAI: text and sound brought to pictures by way of their gloss."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from storysound.losses.alignment import Weights
from storysound.research.paper import Citation, Erratum, Paper, PublishedRow

CITATION = Citation(
    key="bgtai",
    authors="Fang, S., Feng, Y., Chen, S., Zhang, X. and Teoh, T. T.",
    title=(
        "Bridging the Gap between Text, Audio, Image, and Any Sequence: A Novel Approach Using Gloss-Based Annotation"
    ),
    venue="Preprint",
    year=2024,
)

EQUATIONS = {
    "1": "storysound.match.langue2gloss.Langue2Gloss",  # read: the encoder
    "2": "storysound.match.langue2gloss.Langue2Gloss",  # forward: the decoder, a word at a time
    "3": "storysound.match.dsnet.DSNet",
    "4": "storysound.match.dsnet.select",
    "5": "storysound.losses.alignment.cross_entropy",
    "6": "storysound.losses.alignment.sp_loss",
}


@dataclass(frozen=True)
class BgtaiPaperTraining:
    """What is said of the training; sizes, rates, batches and epochs aren't printed."""

    encoder: str = "SpeechLM"  # of text and audio, of Langue2Gloss
    ancestor: str = "UniBriVL"  # the two towers
    gloss_data: str = "How2"  # texts and audio with their summaries
    weights: Weights = field(default_factory=Weights)  # erratum 3
    audio_s: float = 10.0  # table 4, row F


TRAINING = BgtaiPaperTraining()

_CLASSIFICATION = {  # table 1: set -> its metric and size
    "ESC-50": ("accuracy", "ESC-50, 2,000 clips"),
    "UrbanSound8K": ("accuracy", "UrbanSound8K, 8,000 clips"),
    "FSD50K": ("map", "FSD50K, 50,000 clips"),
    "VGGSound": ("map", "VGGSound, 185,000 clips"),
    "TAU Urban Scenes": ("accuracy", "TAU, 190,000 clips, audio only"),
}
_EVENTS = {"DESED": ("f1", "DESED, 2,500 clips")}
_RETRIEVAL = {
    "A2I": ("mrr", "VGGSound, 15,000 test clips"),
    "I2A": ("mrr", "VGGSound, 15,000 test clips"),
}
CAPTIONS = ("Bleu_1", "Bleu_4", "METEOR", "ROUGE_L", "CIDEr", "SPICE", "SPIDEr")  # as storysound.metrics.caption


def _row_of_2(model: str, *cells: float | None) -> list[PublishedRow]:
    """A row of table 2; its three parts are tables of their own here."""
    parts = [("2", _CLASSIFICATION), ("2, events", _EVENTS), ("2, retrieval", _RETRIEVAL)]
    columns = [(table, task, *about) for table, tasks in parts for task, about in tasks.items()]
    return [
        PublishedRow(table, task, model, {metric: cell}, data)
        for (table, task, metric, data), cell in zip(columns, cells, strict=True)
        if cell is not None
    ]


def _row_of_3(model: str, *cells: float | None) -> PublishedRow:
    figures = {name: cell for name, cell in zip(CAPTIONS, cells, strict=True) if cell is not None}
    return PublishedRow("3", "captions", model, figures, "Clotho, evaluation, 5,000 clips")


def _row_of_4(model: str, r1: float, r5: float, fid: float, inception: float) -> PublishedRow:
    figures = {"r1": round(r1 / 100, 6), "r5": round(r5 / 100, 6), "fid": fid, "is": inception}
    return PublishedRow("4", "A2I", model, figures, "VGGSound, 50 classes")


def _row_of_5(model: str, clotho: tuple[float, float], audiocaps: tuple[float, float]) -> list[PublishedRow]:
    return [
        PublishedRow("5", "T2A", f"{model}, {data}", {"r1": round(r1 / 100, 6), "r10": round(r10 / 100, 6)}, data)
        for data, (r1, r10) in (("Clotho", clotho), ("AudioCaps", audiocaps))
    ]


def _zero_shot(model: str, percent: float) -> PublishedRow:
    return PublishedRow("5", "ESC-50", model, {"accuracy": round(percent / 100, 6)}, "ESC-50, zero-shot")


_NO = None
PUBLISHED: tuple[PublishedRow, ...] = (
    *_row_of_2("supervised from scratch", 0.5300, 0.6289, 0.3212, 0.4512, 0.3827, _NO, _NO, _NO),
    *_row_of_2("OpenL3", 0.723, 0.7681, 0.4053, 0.3405, 0.651, 0.1176, 0.0171, 0.0160),
    *_row_of_2("YamNet", 0.8505, 0.7832, 0.5039, 0.4541, 0.5667, 0.3420, _NO, _NO),
    *_row_of_2("Wav2CLIP", 0.8595, 0.8101, 0.4308, 0.4663, 0.6302, 0.3955, 0.0566, 0.0678),
    *_row_of_2("WavBriVL", 0.9117, 0.8832, _NO, 0.4741, _NO, 0.3720, 0.0611, 0.0608),
    *_row_of_2("UniBriVL", 0.9307, 0.8722, _NO, 0.4885, _NO, 0.4111, 0.0641, 0.0612),
    *_row_of_2("BGTAI", 0.9455, 0.8911, 0.4748, 0.5130, 0.6932, 0.4351, 0.0622, 0.0745),
    *_row_of_2("BGTAI, zero-shot", 0.5015, 0.4896, 0.0365, 0.1214, 0.2089, _NO, _NO, _NO),
    *_row_of_2("state of the art", 0.959, 0.8949, 0.5671, 0.544, 0.687, _NO, _NO, _NO),
    _row_of_3("baseline", 0.389, 0.015, 0.084, 0.262, 0.074, 0.033, 0.054),
    _row_of_3("Wav2CLIP", 0.393, 0.054, 0.104, 0.271, 0.100, 0.045, 0.073),
    _row_of_3("WavBriVL", 0.412, 0.092, 0.108, 0.268, 0.126, _NO, _NO),  # erratum 5: printed 0.92
    _row_of_3("UniBriVL", 0.434, 0.107, 0.115, 0.300, 0.11, 0.050, 0.080),
    _row_of_3("BGTAI", 0.476, 0.185, 0.126, 0.328, 0.121, 0.054, 0.088),
    _row_of_4("A: L2, D, 10 s", 14.57, 37.35, 19.24, 7.98),
    _row_of_4("B: SP, D, 10 s", 30.05, 62.74, 25.70, 12.27),
    _row_of_4("C: total, no D, 10 s", 36.10, 70.89, 20.52, 17.00),
    _row_of_4("D: total, D, 1 s", 34.78, 73.62, 19.37, 19.25),
    _row_of_4("E: total, D, 5 s", 39.00, 79.51, 21.56, 20.16),
    _row_of_4("F: total, D, 10 s", 37.89, 81.22, 16.88, 20.96),
    *_row_of_5("AVFIC", (3.0, 17.5), (8.7, 37.7)),
    *_row_of_5("BGTAI", (4.2, 24.9), (9.5, 39.5)),
    *_row_of_5("ImageBind", (6.0, 28.4), (9.3, 42.3)),
    _zero_shot("AudioCLIP", 68.6),
    _zero_shot("BGTAI", 62.3),
    _zero_shot("ImageBind", 66.9),
)

# Figure 2 prints no numbers: the order of its curves, from low to high; the two in the middle are alike.
FIGURE_2: Mapping[str, int] = {"Base": 0, "DS-Net": 1, "Result Filter": 1, "DS&RF": 2}

ERRATA = (
    Erratum(
        1,
        "Eq. 3 calls the alignment a Q × T matrix, Eq. 5 takes it as a vector over Q.",
        "Rows are distributions over T; the cross-entropy is taken row by row against the path made one-hot, in which "
        "a query step matched to several targets gets the middle one.",
        "storysound.losses.alignment.cross_entropy",
    ),
    Erratum(
        2,
        'The final sequence is "as shown in Eq. 1", which is Langue2Gloss\'s encoder; the normalisation in SP-Loss is '
        'not defined, and the ablation calls it "Self-Paced Learning".',
        "Eq. 4 is meant. SP-Loss is half the L1 distance of rows that sum to 1, in [0, 1].",
        "storysound.losses.alignment.sp_loss",
    ),
    Erratum(
        3,
        "L_total of table 4 and its weights aren't printed.",
        "InfoNCE, Eq. 5 and Eq. 6, each with a weight of 1 unless told.",
        "storysound.losses.alignment.total",
    ),
    Erratum(
        4,
        "Neither the vocabulary of the gloss nor the sizes of its decoder are printed.",
        "Content words, uninflected, in order; one decoder for text and sound.",
        "storysound.encode.gloss.of_text",
    ),
    Erratum(
        5,
        "Table 3 prints a BLEU-4 of 0.92 for WavBriVL; the text has BGTAI ahead in every captioning metric.",
        "0.092. WavBriVL's CIDEr is higher than BGTAI's, and so is UniBriVL's MRR from sound to picture in table 2.",
        "storysound.research.bgtai.about.PUBLISHED",
    ),
)

PAPER = Paper(CITATION, EQUATIONS, ERRATA, PUBLISHED)
