"""Sound of Story: background sound retrieved and generated for stories in pictures and words."""

from dataclasses import dataclass, field

from storysound.losses.contrastive import LARGEST_SCALE
from storysound.match.sos import TEMPERATURE
from storysound.match.sos_inputs import FRAMES
from storysound.match.sos_model import Config
from storysound.research.paper import Citation, Erratum, Paper, PublishedRow

CITATION = Citation(
    key="sos",
    authors="Bae, J., Jeong, S., Kang, S., Han, N., Lee, J.-Y., Kim, H. and Kim, T.",
    title="Sound of Story: Multi-modal Storytelling with Audio",
    venue="Findings of the Association for Computational Linguistics: EMNLP",
    year=2023,
    url="https://github.com/Sosdatasets/SoS_Dataset",
)

_PAIR, _TOKENS = "storysound.match.sos.similarity", "storysound.match.sos.token_similarity"

EQUATIONS = {
    "1": _PAIR,  # sound to video
    "2": _TOKENS,  # sound to frames: one token against many
    "3": _TOKENS,  # sound's tokens to video: many against one
    "4": _TOKENS,  # sound's tokens to frames
    "5": _TOKENS,
    "6": _TOKENS,
    "7": _TOKENS,
    "8": _TOKENS,
    "9": _TOKENS,
    "10": _TOKENS,
    "11": _PAIR,
    "12": "storysound.nn.latent_diffusion.text_loss",
    "13": "storysound.nn.latent_diffusion.frames_loss",
}


@dataclass(frozen=True)
class SosPaperTraining:
    """How the retrieval model was trained. "X-CLIP": the paper is silent, its ancestor's public code settles it."""

    model: Config = field(default_factory=lambda: Config(mode="paper"))
    stories_train: int = 26_054
    stories_test: int = 1_300
    epochs: int = 100  # about 20 hours on two A100 of 80 GB
    batch: dict[str, int] = field(default_factory=lambda: {"AV": 128, "AT": 256})
    frames: int = FRAMES  # repeated in order of time where there are fewer, uniformly sampled where there are more
    words: int = 77  # CLIP's tokens, from the front
    crop_train: str = "random"  # of the sound
    crop_test: str = "informative"  # the same for all tests; erratum 6
    crop_s: float = 10.24  # AST's input: 1024 frames of 10 ms
    temperature: float = TEMPERATURE  # X-CLIP; erratum 3
    largest_scale: float = LARGEST_SCALE  # X-CLIP: exp(logit_scale) at most
    optimiser: str = "Adam"  # X-CLIP, as is all that follows
    rate: float = 1e-4  # of new parts
    tower_factor: float = 1e-3  # of that, for the towers that come trained
    warmup_share: float = 0.1
    schedule: str = "cosine"
    weight_decay: float = 0.2
    clip_norm: float = 1.0


@dataclass(frozen=True)
class SosPaperData:
    """How the data set was made of CMD (key clips) and LSMDC (short clips, joined)."""

    stories: int = 27_354
    stories_cmd: int = 22_330
    stories_lsmdc: int = 5_024
    movies: int = 3_807
    images: int = 535_707
    audio_hours: float = 984.0
    words_mean: float = 88.0  # for other means the paper is at odds with itself: erratum 7
    joined_clips: int = 20  # of LSMDC, about, until near the length of a key clip
    key_clip_s: float = 150.0
    frames_per_s: float = 10.0  # at most, before clustering; the authors' scripts
    fingerprint: str = "VGG16 fc2"  # 4096 numbers; the clustering library's
    linkage: str = "average"  # Euclidean, singletons kept
    similarity: float = 0.5  # of fingerprints; clusters are cut at (1 - similarity) of the largest distance


@dataclass(frozen=True)
class SosPaperGeneration:
    """How SoSgen was trained: Stable Diffusion 1.5 as Riffusion, then a ControlNet for frames."""

    longest_s: float = 15.0  # of a slice; erratum 5
    least_mean_hz: float = 78.0  # of a slice; erratum 4
    slices: int = 185_341
    slices_train: int = 184_462
    slices_test: int = 879
    batch: int = 1
    accumulation: int = 16
    rate: float = 1e-6
    schedule: str = "cosine"
    steps_text: int = 406_000
    steps_image: int = 525_000  # for images alone, and again for images on top of the text model
    rate_hz: int = 44_100  # Riffusion's spectrograms, as is all that follows
    hop_s: float = 0.010
    window_s: float = 0.100
    padded_s: float = 0.400  # of the transform
    mel_bands: int = 512
    highest_hz: float = 10_000.0
    power: float = 0.25
    griffin_lim_iterations: int = 32
    width: int = 1_536  # frames of a 15-s slice, a multiple of 64


RETRIEVAL, DATA, GENERATION = SosPaperTraining(), SosPaperData(), SosPaperGeneration()

_TEST = "SoS test set, 1,300 stories"


def _row(task: str, model: str, *percent: float, median_rank: float) -> PublishedRow:
    recalls = {name: round(value / 100, 7) for name, value in zip(("r1", "r5", "r10", "r20"), percent, strict=True)}
    return PublishedRow("2", task, model, {**recalls, "median_rank": median_rank}, _TEST)


# Table 2 after erratum 1: its row "Median R" is R@20 and its row "Mean R" the median rank, but for the column Random.
PUBLISHED = (
    _row("A2V", "Sound of Story", 7.615, 18.692, 28.000, 40.615, median_rank=32.0),
    _row("A2V", "Wav2CLIP, fine-tuned", 4.231, 12.615, 19.538, 31.231, median_rank=52.0),
    _row("V2A", "Sound of Story", 6.462, 17.923, 27.000, 38.923, median_rank=33.0),
    _row("V2A", "Wav2CLIP, fine-tuned", 5.154, 16.077, 23.462, 33.692, median_rank=47.0),
    _row("A2T", "Sound of Story", 7.462, 17.462, 24.692, 33.000, median_rank=60.0),
    _row("A2T", "CLAP, fine-tuned", 6.538, 17.231, 24.615, 34.615, median_rank=52.0),
    _row("T2A", "Sound of Story", 7.077, 19.385, 25.692, 32.769, median_rank=63.5),
    _row("T2A", "CLAP, fine-tuned", 5.769, 16.077, 23.538, 34.385, median_rank=53.5),
    PublishedRow(
        "2",
        "any",
        "random, mean of five",
        {"r1": 0.00076, "r5": 0.00378, "r10": 0.0075, "median_rank": 631.8, "mean_rank": 639.132},
        _TEST,
    ),
    PublishedRow("3", "generation", "Riffusion", {"fad_vggish": 20.114}, "SoS slices, 879"),
    PublishedRow("3", "generation", "MusicGen", {"fad_vggish": 11.680}, "SoS slices, 879"),
    PublishedRow("3", "generation", "SoSgen, text", {"fad_vggish": 10.935}, "SoS slices, 879"),
    PublishedRow("3", "generation", "SoSgen, image", {"fad_vggish": 18.324}, "SoS slices, 879"),
    PublishedRow("3", "generation", "SoSgen, text and image", {"fad_vggish": 9.099}, "SoS slices, 879"),
)

ERRATA = (
    Erratum(
        1,
        'Table 2 calls a row "Median R" that is k/1300 in per cent and lies where R@20 must, and the median rank '
        '"Mean R"; 18.682 is not k/1300.',
        "R@20, median rank, 18.692; true mean ranks are not published.",
        "storysound.research.sos.about.PUBLISHED",
    ),
    Erratum(
        2,
        "Eq. 5 and 6 lack the index of their right factor, Eq. 9 sums slices of the wrong axis, Eq. 10 repeats "
        "S_vid(1,1), Eq. 11 begins with the vector S_a,f.",
        "Every factor carries the index of its sum; Eq. 9's slices are columns; Eq. 11 begins with S_a,v.",
        _TOKENS,
    ),
    Erratum(3, "No temperature of the attention is printed.", "0.01, as X-CLIP's.", "storysound.match.sos.TEMPERATURE"),
    Erratum(
        4,
        '"Mean frequency" below 78 Hz is not defined.',
        "Power-weighted mean frequency: the centroid of the power spectrum.",
        "storysound.ingest.slices.mean_frequency_hz",
    ),
    Erratum(
        5,
        'Slices are gathered "until they exceed" 15 s and are "never longer"; longer units are not cut.',
        "A slice closes before it would exceed 15 s; a single longer unit is kept whole.",
        "storysound.ingest.slices.spans",
    ),
    Erratum(
        6,
        'The "information-rich area" of a sound is not defined.',
        "The stretch with the most energy of spectral flux; the same every time.",
        "storysound.match.sos_inputs.informative_crop_s",
    ),
    Erratum(
        7,
        "Mean lengths are 150, 215 and (984 h / 27,354) 129.5 s; LSMDC's mean of 1,378.7 words can't hold beside 88.",
        "Statistics of one's own data are printed with their n; no test relies on the paper's means.",
        "storysound.research.sos.about.DATA",
    ),
    Erratum(
        8,
        "How frames condition the ControlNet is not printed.",
        "CLIP embeddings of the frames as tokens for cross-attention in the control branch, and a learned spatial hint "
        "spread over the slice's time axis.",
        "storysound.nn.frame_track.FrameTrack",
    ),
)

PAPER = Paper(CITATION, EQUATIONS, ERRATA, PUBLISHED)
