"""Sounds made of words by our own small SoSgen: rectified flow over the codes of spectrograms, learned on a processor.

What it learned from stands in the card beside its weights. Spectrograms are those of HiFi-GAN (Kong et al. 2020):
80 Slaney bands up to 8 kHz, 86 frames a second; Griffin and Lim's algorithm makes them sound.
"""

import json
import math
from collections.abc import Set
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from storysound.encode.encoder import Encoder
from storysound.encode.labels import text_vectors
from storysound.encode.pool import Models
from storysound.errors import MissingModelError
from storysound.generate.maker import Condition, Conditions, check_conditions
from storysound.media.arrays import Floats, Samples
from storysound.media.audio import Waveform
from storysound.media.spectrogram import LogMel, Stft, log_mel
from storysound.media.spectrograms.griffin_lim import sound_of
from storysound.nn.flow import FlowConfig, FlowTransformer, guided, sample, windowed
from storysound.nn.patch_autoencoder import PATCH, AutoencoderConfig, PatchAutoencoder
from storysound.progress import check

RATE_HZ = 22_050
BANDS = LogMel(
    RATE_HZ, Stft(1024, 256), 80, 0.0, 8000.0, scale="slaney", norm="slaney", power=1, floor=1e-5
)  # fmt: skip
FRAMES = 432  # of a slice, 5.02 s
COLUMNS = FRAMES // PATCH  # of its code
_CENTRE, _SPREAD = -5.0, 2.0  # of log-mel values, about
FILE = "sosgen.safetensors"
SHIPPED = Path(str(files("storysound") / "generate" / "weights"))
LONGEST_S = 600.0
STEPS, GUIDANCE = 8, 5.0


def frames(samples: Samples, count: int = FRAMES) -> Floats:
    """Log-mel frames [count m], about of mean 0 and strength 1, of samples [n] at `RATE_HZ`; silence follows."""
    length = (count - 1) * BANDS.stft.hop_length
    samples = np.pad(samples[:length], (0, max(0, length - len(samples))))
    return (log_mel(samples, BANDS) - np.float32(_CENTRE)) / np.float32(_SPREAD)


def sounding(log_mels: Floats, seed: int) -> Samples:
    """Samples [(t - 1) · 256] at `RATE_HZ` of frames [t m] as `frames` gives them."""
    bands = np.exp(np.minimum(log_mels * np.float32(_SPREAD) + np.float32(_CENTRE), 5.0))
    bands = np.where(bands < 2e-5, 0.0, bands).astype(np.float32)
    length = (len(log_mels) - 1) * BANDS.stft.hop_length
    return np.asarray(np.concatenate(list(sound_of(bands[None], BANDS, length, seed=seed)), axis=1)[0], np.float32)


def tokens_of(codes: Tensor, joined: int) -> Tensor:
    """Codes [b t m c] as tokens [b t/joined (joined m c)]."""
    b, t, m, c = codes.shape
    return codes.reshape(b, t // joined, joined * m * c)


def codes_of(tokens: Tensor, joined: int) -> Tensor:
    """The inverse of `tokens_of`."""
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

    def save(self, folder: Path) -> None:
        """Writes `FILE` in half precision, its metadata the shapes."""
        tensors = {f"code.{name}": value for name, value in self.code.state_dict().items()}
        tensors |= {f"flow.{name}": value for name, value in self.flow.state_dict().items()}
        tensors["vectors"] = self.vectors
        shape = {"code": asdict(self.code.config), "flow": asdict(self.flow.config), "joined": self.joined}
        folder.mkdir(parents=True, exist_ok=True)
        half = {name: value.detach().cpu().half().contiguous() for name, value in tensors.items()}
        save_file(half, folder / FILE, {"shape": json.dumps(shape), "texts": json.dumps(self.texts)})


def read_parts(folder: Path) -> Parts:
    """Raises MissingModelError where the folder holds no such model, or one of another shape."""
    file = folder / FILE
    try:
        with safe_open(file, "pt") as opened:
            about = opened.metadata() or {}
            tensors = {name: opened.get_tensor(name).float() for name in opened.keys()}  # noqa: SIM118 - no mapping
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
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        fault = " ".join(str(error).split())[:200] or type(error).__name__
        raise MissingModelError(f"{folder}: can't be loaded as a SoSgen of ours ({FILE}): {fault}") from error
    return parts


class Sosgen:
    """A maker of sounds from words; mono, 22.05 kHz. Longer than a slice: windows denoised together."""

    takes: Set[Condition] = frozenset({"text"})
    longest_s = LONGEST_S

    def __init__(
        self, parts: Parts, words: Encoder[str], device: torch.device, *, steps: int = STEPS, guidance: float = GUIDANCE
    ) -> None:
        self.parts, self._words, self._device = parts, words, device
        self.steps, self.guidance = steps, guidance
        parts.flow.to(device)
        parts.code.to(device)

    def nearest(self, text: str) -> tuple[str, float]:
        """Which of the texts that it learned from is nearest to a text, and how near: the cosine."""
        vector = torch.from_numpy(text_vectors(self._words, [text]))[0]
        cosines = self.parts.vectors @ vector
        return self.parts.texts[int(cosines.argmax())], float(cosines.max())

    def make(self, conditions: Conditions) -> Waveform:
        """See `maker.Maker`."""
        check_conditions(conditions, self)
        vector = torch.from_numpy(text_vectors(self._words, [conditions.text]))
        log_mels = self.spectrograms(vector, [conditions.seed], conditions.seconds)[0]
        samples = sounding(log_mels, conditions.seed)[None]
        return Waveform(np.clip(samples, -1, 1).astype(np.float32), RATE_HZ).cut(0.0, conditions.seconds)

    @torch.inference_mode()
    def spectrograms(self, vectors: Tensor, seeds: list[int], seconds: float) -> Floats:
        """Frames [b t m], as `frames` gives them, for conditions [b d] of texts; at least `seconds` long."""
        joined, flow = self.parts.joined, self.parts.flow
        wanted = math.ceil((seconds * RATE_HZ / BANDS.stft.hop_length + 1) / (PATCH * joined))
        count = max(wanted, flow.config.tokens)
        shape = (count, flow.config.channels)
        noise = torch.stack([torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds])
        seen = guided(flow, vectors.to(self._device), self.guidance)
        window = flow.config.tokens
        tokens = sample(windowed(seen, window, window // 2), noise.to(self._device), self.steps, check)
        found: Floats = self.parts.code.decode(codes_of(tokens, joined)).float().cpu().numpy()
        return found


def load(folder: Path, device: torch.device, models: Models) -> Sosgen:
    """From `FILE` in a folder. Raises MissingModelError as `read_parts`, or without the encoder of its texts."""
    return Sosgen(read_parts(folder), models.encoder("minilm"), device)
