"""What TAVGBench prints of its network, TAVDiffusion: equations, errata, training, and table 3."""

from dataclasses import dataclass, field

from storysound.nn.tavdiffusion import TavConfig
from storysound.research.paper import Erratum, PublishedRow

_LOSS = "storysound.losses.audio_visual.audible_video_loss"
_STEPS = "storysound.nn.latent_diffusion.denoised"
_NETWORK = "storysound.nn.tavdiffusion.TavDiffusion"
_SIMILARITY = "storysound.losses.audio_visual.weighted_similarity"

EQUATIONS = {
    "2": _STEPS,
    "3": _STEPS,
    "4": _LOSS,  # noise of many steps at once, by diffusers' schedule
    "5": _LOSS,
    "6": _LOSS,  # a bound, of which Eq. 7 is what is trained
    "7": _LOSS,
    "8": "storysound.nn.latent_diffusion.encoded",
    "9": "storysound.nn.tavdiffusion.generated",
    "10": _LOSS,
    "11": _LOSS,
    "12": _NETWORK,
    "13": "storysound.losses.audio_visual.explicit_alignment",
    "14": _SIMILARITY,
    "15": _LOSS,
}


@dataclass(frozen=True)
class TavPaperTraining:
    """How the network was trained and sampled."""

    model: TavConfig = field(default_factory=TavConfig)
    height: int = 256
    width: int = 320
    alignment: float = 0.1  # λ of Eq. 15
    temperature: float = 0.1  # τ of Eq. 13
    rate: float = 1e-4
    steps: int = 100_000  # on 64 A100
    sampler: str = "ddim"
    sampling_steps: int = 50


TRAINING = TavPaperTraining()

ERRATA = (
    Erratum(
        4,
        "Latents of sound are said to have an eighth of a spectrogram's height and width; AudioLDM's have a quarter.",
        "Whatever the autoencoder makes of them.",
        "storysound.generate.video.tavdiffusion.TavParts",
    ),
    Erratum(
        5,
        "The vocoder is said to be MelGAN; AudioLDM, whose autoencoder is taken, has HiFi-GAN.",
        "AudioLDM's.",
        "storysound.generate.video.tavdiffusion.assembled",
    ),
    Erratum(
        6,
        "Eq. 14 adds two weighted sums without a norm.",
        "Weights are a softmax over a side's tokens; the sum is halved, so that it lies in [-1, 1].",
        _SIMILARITY,
    ),
    Erratum(
        9,
        "Eq. 14's cosine of a token with the other side, which is many tokens, isn't printed.",
        "That with the best match there, as in VALOR, from which the weights are; the mean is a setting.",
        _SIMILARITY,
    ),
    Erratum(
        10,
        "Of the UNet of sound only the first layer is said to have 8 channels instead of 4; noise of 8 channels needs "
        "8 of the last one too.",
        "Both have 8, and neither has Stable Diffusion's weights.",
        "storysound.generate.video.tavdiffusion_start.started",
    ),
)

_SETS = ("TAVGBench, 3,000 samples", "FAVDBench, 1,000 samples")
_ABLATIONS = {
    "neither": ((687.23, 66.21, 23.02, 1.58, 14.59), (843.19, 112.07, 22.58, 1.62, 14.67)),
    "alignment": ((614.28, 59.23, 23.89, 1.46, 18.69), (819.54, 109.21, 22.64, 1.54, 19.76)),
    "cross-attention": ((589.71, 51.44, 24.68, 1.51, 19.88), (791.57, 106.95, 23.98, 1.51, 20.59)),
    "both": ((516.56, 45.76, 25.44, 1.38, 23.35), (776.25, 104.26, 24.18, 1.46, 29.06)),
}


def _row(what: str, data: str, printed: tuple[float, ...]) -> PublishedRow:
    """A half of a row of table 3; its similarities are printed × 100."""
    fvd, kvd, clipsim, fad, avh = printed
    figures = {"fvd": fvd, "kvd": kvd, "clipsim": round(clipsim / 100, 6), "fad": fad, "avh": round(avh / 100, 6)}
    return PublishedRow("3", "ablation", f"TAVDiffusion with {what}, {data.split(',')[0]}", figures, data)


PUBLISHED = tuple(
    _row(what, data, rows[number]) for number, data in enumerate(_SETS) for what, rows in _ABLATIONS.items()
)
