"""TAVGBench: text to audible video, its annotation, its scores and its network."""

from storysound.research.paper import Citation, Erratum, Paper, PublishedRow
from storysound.research.tavg import network

CITATION = Citation(
    key="tavg",
    authors="Mao, Y., Shen, X., Zhang, J., Qin, Z., Zhou, J., Xiang, M., Zhong, Y. and Dai, Y.",
    title="TAVGBench: Benchmarking Text to Audible-Video Generation",
    venue="ACM Multimedia",
    year=2024,
)

EQUATIONS = {
    "1": "storysound.metrics.similarity.avh_score",
    **network.EQUATIONS,
}

_METHODS = {
    "AnimateDiff + AudioLDM": (
        (777.54, 70.04, 22.49, 1.62, 10.17),
        (867.58, 115.81, 22.11, 1.67, 12.13),
    ),
    "AnimateDiff + Diff-Foley": (
        (777.54, 70.04, 22.49, 1.81, 12.28),
        (867.58, 115.81, 22.11, 1.89, 15.07),
    ),
    "AudioLDM + TempoToken": (
        (1624.81, 88.61, 14.87, 2.12, 6.38),
        (2640.96, 591.43, 15.16, 2.29, 6.12),
    ),
    "TAVDiffusion": (
        (516.56, 45.76, 25.44, 1.38, 23.35),
        (776.25, 104.26, 24.18, 1.46, 29.06),
    ),
}
_SETS = ("TAVGBench, 3,000 samples", "FAVDBench, 1,000 samples")


def _row(model: str, data: str, printed: tuple[float, ...]) -> PublishedRow:
    """A half of a row of Table 2; its similarities are printed × 100."""
    fvd, kvd, clipsim, fad, avh = printed
    figures = {"fvd": fvd, "kvd": kvd, "clipsim": round(clipsim / 100, 6), "fad": fad, "avh": round(avh / 100, 6)}
    return PublishedRow("2", "audible video", f"{model}, {data.split(',')[0]}", figures, data)


PUBLISHED = tuple(
    _row(model, data, printed[number]) for number, data in enumerate(_SETS) for model, printed in _METHODS.items()
)

ERRATA = (
    Erratum(
        1,
        "The text calls 776.25, 65.53 and 1.46 TAVGBench's; the first and last stand in the column of FAVDBench, 65.53 "
        "stands nowhere.",
        "The table's own row of TAVGBench: 516.56, 45.76, 1.38.",
        "storysound.research.tavg.about.PUBLISHED",
    ),
    Erratum(
        2,
        "Table 1 has 11.8 K hours for TAVGBench, and 5.3 for AudioCaps.",
        "1.7 M clips of 10 s are 4.7 thousand hours; AudioCaps is about 128 h. Hours are counted from the clips.",
        "storysound.jobs.annotate.published.TABLE_1",
    ),
    Erratum(
        3,
        "Eq. 1 divides by n what it sums over N frames; the tables show 100 times the score.",
        "1/N, frames against the whole sound; raw and × 100, with encoder, frames a second and n beside. JavisScore, "
        "which came later, is shown too.",
        "storysound.metrics.similarity.avh_score",
    ),
    Erratum(
        7,
        "Negatives of Eq. 13, where cross-attention sits, and frames a second are not printed.",
        "The other clips of a batch; between the middles and the decoders of both UNets; a setting: 20 frames for 10 s "
        "would be the training's.",
        "storysound.research.tavg.settings.TavgEvaluation",
    ),
)

PAPER = Paper(
    CITATION, EQUATIONS, tuple(sorted((*ERRATA, *network.ERRATA), key=lambda erratum: erratum.number)),
    (*PUBLISHED, *network.PUBLISHED),
)  # fmt: skip
