"""Sounds made of words, pictures in time, or both by our own small SoSgen: rectified flow over codes of spectrograms.

Words are the condition of the flow; pictures come in by a branch beside it (`nn.picture_branch`), which learned with
the flow frozen. The variants are those of Sound of Story, section 4.2: text; image, with the fixed text "Audio"; text
and image. What it learned from stands in the cards beside its weights. Spectrograms are those of HiFi-GAN (Kong et
al. 2020): 80 Slaney bands up to 8 kHz, 86 frames a second; Griffin and Lim's algorithm makes them sound.
"""

import json
import math
from collections.abc import Callable, Sequence, Set
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from storysound.encode import gloss
from storysound.encode.encoder import Encoder
from storysound.encode.labels import LabelSpace, text_vectors
from storysound.encode.pool import Models
from storysound.encode.spaces import spaces_of
from storysound.errors import MissingModelError, UsageError
from storysound.generate.maker import Condition, Conditions, check_conditions
from storysound.generate.variants import FIXED_TEXT
from storysound.media.arrays import Floats, Pixels
from storysound.media.audio import Waveform
from storysound.media.spectrogram import LogMel, Stft
from storysound.media.spectrograms.log_mels import LogMelForm
from storysound.nn.flow import FlowConfig, FlowTransformer, guided, sample, windowed
from storysound.nn.frame_track import spread
from storysound.nn.patch_autoencoder import PATCH, AutoencoderConfig, PatchAutoencoder
from storysound.nn.picture_branch import BranchConfig, PictureBranch, guided_by_pictures
from storysound.progress import check

RATE_HZ = 22_050
BANDS = LogMel(
    RATE_HZ, Stft(1024, 256), 80, 0.0, 8000.0, scale="slaney", norm="slaney", power=1, floor=1e-5
)  # fmt: skip
FORM = LogMelForm(BANDS)
FRAMES = 432  # of a slice, 5.02 s
COLUMNS = FRAMES // PATCH  # of its code
FILE = "sosgen.safetensors"
BRANCH_FILE = "sosgen-pictures.safetensors"
LONGEST_S = 600.0
STEPS, GUIDANCE = 8, 3.5
GRAIN = 0.16  # that codes lose of noise, as strong as what they lose of the slices they learned from
PICTURE_GUIDANCE, WORD_GUIDANCE = 2.5, 2.0  # where there are pictures: of them, of the words beside them
SIGHT = "efficientnet_lite2"  # recognises what the branch learned to see


def tokens_of(codes: Tensor, joined: int) -> Tensor:
    """Codes [b t m c] as tokens [b t/joined (joined m c)]."""
    b, t, m, c = codes.shape
    return codes.reshape(b, t // joined, joined * m * c)


def codes_of(tokens: Tensor, joined: int) -> Tensor:
    """The inverse of `tokens_of`: [b t/joined (joined m c)] -> [b t m c]."""
    b, n, k = tokens.shape
    bands = BANDS.n_mels // PATCH
    return tokens.reshape(b, n * joined, bands, k // (joined * bands))


@dataclass(frozen=True)
class Parts:
    """All that is learned: the autoencoder, the flow, and which texts [p] with their vectors [p d] it was shown."""

    code: PatchAutoencoder
    flow: FlowTransformer
    joined: int  # columns of the code that make a token
    texts: tuple[str, ...]
    vectors: Tensor
    branch: PictureBranch | None = None  # for pictures

    def save(self, folder: Path) -> None:
        """Writes `FILE` in half precision, its metadata the shapes; a branch as `save_branch`."""
        tensors = {f"code.{name}": value for name, value in self.code.state_dict().items()}
        tensors |= {f"flow.{name}": value for name, value in self.flow.state_dict().items()}
        tensors["vectors"] = self.vectors
        shape = {"code": asdict(self.code.config), "flow": asdict(self.flow.config), "joined": self.joined}
        folder.mkdir(parents=True, exist_ok=True)
        save_file(_halves(tensors), folder / FILE, {"shape": json.dumps(shape), "texts": json.dumps(self.texts)})
        if self.branch is not None:
            self.save_branch(folder)

    def save_branch(self, folder: Path) -> None:
        """Writes the branch alone, to `BRANCH_FILE`, with the fingerprint of the flow beside which it learned."""
        if self.branch is None:
            raise ValueError("there is no branch to save")
        about = {"shape": json.dumps(asdict(self.branch.config)), "flow": fingerprint(self.flow)}
        folder.mkdir(parents=True, exist_ok=True)
        save_file(_halves(self.branch.state_dict()), folder / BRANCH_FILE, about)

    def encode(self, mels: Tensor) -> Tensor:
        """Frames [b t m] as `LogMelForm.frames` gives them, as tokens [b n k]."""
        return tokens_of(self.code.encode(mels), self.joined)


def _halves(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors [...] in half precision, as files hold them."""
    return {name: value.detach().cpu().half().contiguous() for name, value in tensors.items()}


def fingerprint(network: nn.Module) -> str:
    """sha256 of all that a network has learned, in half precision: the same means the same weights."""
    digest = sha256()
    for name, value in sorted(_halves(network.state_dict()).items()):
        digest.update(name.encode())
        digest.update(value.numpy().tobytes())
    return digest.hexdigest()


def read_parts(folder: Path) -> Parts:
    """What the folder holds; the branch is there where `BRANCH_FILE` is.

    Raises MissingModelError where it holds no such model, or one of another shape, or the branch of another.
    """
    file = folder / FILE
    try:
        about, tensors = _opened(file)
        shape = json.loads(about["shape"])
        code = PatchAutoencoder(AutoencoderConfig(**shape["code"]))
        flow = FlowTransformer(FlowConfig(**shape["flow"]))
        for name, part in (("code", code), ("flow", flow)):
            part.load_state_dict(
                {k.removeprefix(f"{name}."): v for k, v in tensors.items() if k.startswith(f"{name}.")}
            )
        parts = Parts(
            code.eval(), flow.eval(), int(shape["joined"]), tuple(json.loads(about["texts"])), tensors["vectors"]
        )
        if flow.config.channels != parts.joined * BANDS.n_mels // PATCH * code.config.channels:
            raise ValueError("autoencoder and flow don't fit")
        file = folder / BRANCH_FILE
        return replace(parts, branch=_read_branch(file, flow)) if file.exists() else parts
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        fault = " ".join(str(error).split())[:200] or type(error).__name__
        raise MissingModelError(f"{folder}: can't be loaded as a SoSgen of ours ({file.name}): {fault}") from error


def _opened(file: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    with safe_open(file, "pt") as opened:
        tensors = {name: opened.get_tensor(name).float() for name in opened.keys()}  # noqa: SIM118 - no mapping
        return opened.metadata() or {}, tensors


def _read_branch(file: Path, flow: FlowTransformer) -> PictureBranch:
    """Raises ValueError for a branch that learned beside another flow."""
    about, tensors = _opened(file)
    if about["flow"] != fingerprint(flow):
        raise ValueError(f"it learned beside another {FILE}")
    branch = PictureBranch(BranchConfig(**json.loads(about["shape"])))
    branch.load_state_dict(tensors)
    return branch.eval()


class Sight:
    """What pictures show, as points of the space of texts."""

    def __init__(self, eyes: Encoder[Pixels], space: LabelSpace) -> None:
        """`space`: the classes that `eyes` recognise in that space."""
        self._eyes, self.space = eyes, space

    def vectors(self, pictures: Sequence[Pixels]) -> Floats:
        """Unit vectors [n d] of pictures RGB [h w 3]."""
        scores = [seen.scores[self.space.name] for seen in self._eyes.encode(pictures)]
        return np.stack([gloss.vector(row, self.space) for row in np.concatenate(scores)])


def sight_of(models: Models) -> Sight:
    """By the encoder `SIGHT` in the space of MiniLM, whatever the profile. Raises MissingModelError without either."""
    eyes = models.encoder(SIGHT)
    head = eyes.traits.head("imagenet")
    return Sight(eyes, spaces_of(models).classes("imagenet", eyes.labels["imagenet"], head, models.encoder("minilm")))


class Sosgen:
    """A maker of sounds from words, pictures in time, or both; mono, 22.05 kHz. Longer than a slice: windows denoised
    together. Weights without a branch take words alone.
    """

    longest_s = LONGEST_S

    def __init__(
        self,
        parts: Parts,
        words: Encoder[str],
        device: torch.device,
        *,
        sight: Callable[[], Sight] | None = None,
        steps: int = STEPS,
        guidance: float = GUIDANCE,
    ) -> None:
        """`sight`: who looks at pictures, asked for when there are some."""
        self.parts, self._words, self._device, self._sight = parts, words, device, sight
        self.steps, self.guidance, self.grain = steps, guidance, GRAIN
        self.picture_guidance, self.word_guidance = PICTURE_GUIDANCE, WORD_GUIDANCE
        able = parts.branch is not None and sight is not None
        self.takes: Set[Condition] = frozenset({"text", "pictures"} if able else {"text"})
        parts.flow.to(device)
        parts.code.to(device)
        if parts.branch is not None:
            parts.branch.to(device)

    def nearest(self, text: str) -> tuple[str, float]:
        """Which of the texts that it learned from is nearest to a text, and how near: the cosine."""
        vector = torch.from_numpy(text_vectors(self._words, [text]))[0]
        cosines = self.parts.vectors @ vector
        return self.parts.texts[int(cosines.argmax())], float(cosines.max())

    def make(self, conditions: Conditions) -> Waveform:
        """See `maker.Maker`. Raises UsageError for more pictures than the sound has tokens as well."""
        check_conditions(conditions, self)
        shown = self._shown(conditions)
        vector = torch.from_numpy(text_vectors(self._words, [conditions.text.strip() or FIXED_TEXT]))
        log_mels = self.spectrograms(vector, [conditions.seed], conditions.seconds, shown)[0]
        samples = FORM.sounding(log_mels, conditions.seed)[None]
        return Waveform(np.clip(samples, -1, 1).astype(np.float32), RATE_HZ).cut(0.0, conditions.seconds)

    def _shown(self, conditions: Conditions) -> Tensor | None:
        """Vectors [1 n d] of the pictures over the tokens, None without pictures."""
        pictures = conditions.pictures
        if not pictures or self._sight is None:
            return None
        most = max(1, math.ceil(conditions.seconds / self.token_s - 1e-9))
        if len(pictures) > most:
            raise UsageError(
                f"{len(pictures)} pictures are too many for {conditions.seconds:g} s: at most {most}, each for "
                f"{self.token_s:.2f} s"
            )
        vectors = torch.from_numpy(self._sight().vectors([picture.rgb for picture in pictures]))
        times = [picture.at_s for picture in pictures]
        return spread(vectors, times, self._count(conditions.seconds), self.token_s)[None]

    @property
    def token_s(self) -> float:
        """What a token lasts."""
        return self.parts.joined * PATCH * BANDS.stft.hop_length / RATE_HZ

    def _count(self, seconds: float) -> int:
        """Tokens of a sound, at least those of a slice."""
        wanted = math.ceil((seconds * RATE_HZ / BANDS.stft.hop_length + 1) / (PATCH * self.parts.joined))
        return max(wanted, self.parts.flow.config.tokens)

    @torch.inference_mode()
    def spectrograms(self, vectors: Tensor, seeds: list[int], seconds: float, pictures: Tensor | None = None) -> Floats:
        """Frames [b t m], as `LogMelForm.frames` gives them, for conditions [b d] of texts; at least `seconds` long.

        `pictures` [b n d]: the vector of what is shown at each token.
        """
        flow, branch = self.parts.flow, self.parts.branch
        shape = (self._count(seconds), flow.config.channels)
        noise = torch.stack([torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds])
        words = vectors.to(self._device)
        if pictures is None or branch is None:
            seen = guided(flow, words, self.guidance)
        else:
            shown = pictures.to(self._device)
            seen = guided_by_pictures(flow, branch, words, shown, self.word_guidance, self.picture_guidance)
        window = flow.config.tokens
        tokens = sample(windowed(seen, window, window // 2), noise.to(self._device), self.steps, check)
        found: Floats = self.parts.code.decode(codes_of(tokens, self.parts.joined)).float().cpu().numpy()
        return found + self.grain * np.stack([grain(found.shape[1:], seed) for seed in seeds])


def grain(shape: tuple[int, ...], seed: int) -> Floats:
    """What tells noise from a smooth sound: of the strength 1, independent in every frame and band [t m]."""
    return np.random.default_rng([seed, 1]).standard_normal(shape, np.float32)


def load(folder: Path, device: torch.device, models: Models) -> Sosgen:
    """From `FILE` in a folder. Raises MissingModelError as `read_parts`, or without the encoder of its texts."""
    return Sosgen(read_parts(folder), models.encoder("minilm"), device, sight=lambda: sight_of(models))
