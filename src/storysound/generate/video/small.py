"""A small TAVDiffusion of 2-s clips that learned in a made world: what its file holds, and how clips come out of it.

The network is the paper's (TAVGBench, section 4), a thousandth of its size, or by config what came after it (`worded`),
between autoencoders of our own; it is told by words of a closed vocabulary. Sound is made of log-mel frames by Griffin
and Lim's algorithm. What it learned from stands in the card beside its weights.
"""

import json
from collections.abc import Callable, Sequence, Set
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from storysound.encode.pool import Models
from storysound.generate.lexicon import Lexicon
from storysound.generate.pretrained import loading
from storysound.generate.video.halves import Known, Latents, in_stages, other_seed
from storysound.generate.video.maker import STAGES, AudibleClip, SilentClip, Stages
from storysound.generate.video.worded import Sampling, Worded, WordedStreams, WordedUnets
from storysound.media.arrays import Floats, Pixels
from storysound.media.audio import Waveform
from storysound.media.spectrogram import LogMel, Stft
from storysound.media.spectrograms.log_mels import LogMelForm
from storysound.nn.frame_autoencoder import PATCH as PLACE
from storysound.nn.frame_autoencoder import FrameAutoencoder, FrameAutoencoderConfig
from storysound.nn.patch_autoencoder import PATCH, AutoencoderConfig, PatchAutoencoder
from storysound.nn.tavdiffusion import TavConfig, TavDiffusion
from storysound.nn.two_streams import TwoStreams, TwoStreamsConfig
from storysound.nn.word_encoder import WordEncoder, WordEncoderConfig
from storysound.progress import check

FILE = "tavdiffusion-small.safetensors"
RATE_HZ = 16_000
FORM = LogMelForm(
    LogMel(RATE_HZ, Stft(512, 160), 64, 0.0, 8000.0, scale="slaney", norm="slaney", power=1, floor=1e-5)
)  # fmt: skip
SECONDS = 2.0
FRAMES, SIDE = 32, 64  # pictures of a clip, and pixels of their sides
COLUMNS = 208  # log-mel frames of a clip and a little more: whole patches, an even number of them


@dataclass(frozen=True)
class StreamsShape:
    """Shape of a transformer of two streams that stands in the place of both UNets."""

    width: int = 192
    blocks: int = 5
    patch: int = 4  # latents of a token's height and width


@dataclass(frozen=True)
class SmallTavConfig:
    """Shapes of all networks."""

    network: TavConfig = field(default_factory=lambda: TavConfig(frames=16, heads=4))
    widths: tuple[int, ...] = (48, 96)  # of both UNets; the middle, where streams meet, is as wide as the last
    layers: int = 1  # of a UNet's block
    words: WordEncoderConfig = field(default_factory=lambda: WordEncoderConfig(128))
    frames: FrameAutoencoderConfig = field(default_factory=FrameAutoencoderConfig)
    sounds: AutoencoderConfig = field(default_factory=lambda: AutoencoderConfig(channels=16))
    streams: StreamsShape | None = None  # in place of UNets; heads and links of `network` are its own then

    def __post_init__(self) -> None:
        if self.network.frames * self.frames.together != FRAMES:
            raise ValueError(f"clips have {FRAMES} frames, got {self.network.frames} x {self.frames.together}")


@dataclass(frozen=True)
class SmallTav:
    """All that is learned, and the words that it knows."""

    config: SmallTavConfig
    worded: Worded
    frames: FrameAutoencoder
    sounds: PatchAutoencoder
    lexicon: Lexicon

    def to(self, device: torch.device) -> "SmallTav":
        """All networks there."""
        for part in (self.worded, self.frames, self.sounds):
            part.to(device)
        return self

    def latents(self, clips: Sequence[Pixels], sounds: Sequence[Floats]) -> tuple[Tensor, Tensor]:
        """Latents of sounds [b c t m] and pictures [b g c h w], of log-mel frames [t m] and frames [f h w 3] each."""
        device = self.frames.mean.device
        pictures = torch.from_numpy(np.stack(clips)).to(device).permute(0, 1, 4, 2, 3).float() / 127.5 - 1
        mels = torch.from_numpy(np.stack(sounds)).to(device).float()
        return self.sounds.encode(mels).permute(0, 3, 1, 2), self.frames.encode(pictures)

    def ids(self, texts: Sequence[str]) -> Tensor:
        """Numbers of words [b k]. Raises UsageError for a text none of whose words is known."""
        return torch.tensor([self.lexicon.numbers(text, self.config.words.longest) for text in texts])

    def save(self, folder: Path) -> None:
        """Writes `FILE` in half precision, its metadata the shapes and the words."""
        parts = {"worded": self.worded, "frames": self.frames, "sounds": self.sounds}
        tensors = {
            f"{part}.{name}": value.detach().cpu().half().contiguous()
            for part, network in parts.items() for name, value in network.state_dict().items()
        }  # fmt: skip
        about = {"config": json.dumps(asdict(self.config)), "words": json.dumps(self.lexicon.words)}
        folder.mkdir(parents=True, exist_ok=True)
        save_file(tensors, folder / FILE, about)


@torch.no_grad()
def made(
    parts: SmallTav, texts: Sequence[str], seeds: Sequence[int], check: Callable[[], None],
    sampling: Sampling | None = None, stages: Stages = "together",
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Frames [b f 3 h w], about in [-1, 1], and log-mel frames [b t m] made of texts and seeds [b].

    The same on one machine for the same; without `sampling` the network's own. `check` is called often and may raise;
    `stages`: as `halves.in_stages`. Raises UsageError for a text none of whose words is known.
    """
    device = parts.frames.mean.device
    ids = parts.ids(texts).to(device)

    def sampled(known: Known, *, is_told: bool, afresh: bool) -> Latents:
        each = [noise_of(parts.config, other_seed(seed) if afresh else seed) for seed in seeds]
        audio, video = (torch.stack(part).to(device) for part in zip(*each, strict=True))
        words = ids if is_told else torch.zeros_like(ids)
        return parts.worded.sampled((audio, video), words, sampling or parts.worded.usual, check, known)

    audio, video = in_stages(sampled, stages)
    return parts.frames.decode(video), parts.sounds.decode(audio.permute(0, 2, 3, 1))


class SmallMaker:
    """A maker of clips (`maker.AudibleMaker`) of at most two seconds."""

    alone: Set[Stages] = frozenset(STAGES)
    usual_s = longest_s = SECONDS

    def __init__(self, parts: SmallTav, sampling: Sampling | None = None) -> None:
        """Without `sampling` as the network's own."""
        self._parts, self._sampling = parts, sampling

    def unknown(self, text: str) -> list[str]:
        """See `maker.ClosedVocabulary`."""
        return self._parts.lexicon.unknown(text)

    def pictures(self, text: str, seed: int, seconds: float) -> SilentClip:
        """See `maker.PictureMaker`: the picture's half of what it makes."""
        return self.make(text, seed, seconds, "together").silent

    def make(self, text: str, seed: int, seconds: float, stages: Stages) -> AudibleClip:
        """See `maker.AudibleMaker`. Raises UsageError for a text none of whose words is known."""
        frames, mels = made(self._parts, [text], [seed], check, self._sampling, stages)
        clip = AudibleClip(pixels_of(frames[0]), FRAMES / SECONDS, sound_of(mels[0].cpu().numpy(), seed))
        return clip.cut(seconds)


def load(folder: Path, device: torch.device, _models: Models) -> SmallMaker:
    """From a folder as `read_small`. Raises MissingModelError."""
    return SmallMaker(read_small(folder).to(device))


def untaught(config: SmallTavConfig, lexicon: Lexicon, seed: int = 0) -> SmallTav:
    """All networks with weights drawn by a seed."""
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        worded = _untaught_streams(config, config.streams) if config.streams else _untaught_unets(config)
        return SmallTav(config, worded, FrameAutoencoder(config.frames), PatchAutoencoder(config.sounds), lexicon)


def read_small(folder: Path) -> SmallTav:
    """What the folder holds. Raises MissingModelError where it holds no such model, or one of another shape."""
    with loading(folder, f"a small TAVDiffusion ({FILE})"):
        with safe_open(folder / FILE, "pt") as opened:
            about = opened.metadata() or {}
            tensors = {name: opened.get_tensor(name).float() for name in opened.keys()}  # noqa: SIM118 - no mapping
        config = msgspec.json.decode(about["config"], type=SmallTavConfig)
        parts = untaught(config, Lexicon(tuple(json.loads(about["words"]))))
        for name, network in (("worded", parts.worded), ("frames", parts.frames), ("sounds", parts.sounds)):
            own = {key.removeprefix(f"{name}."): t for key, t in tensors.items() if key.startswith(f"{name}.")}
            network.load_state_dict(own)
            network.eval().requires_grad_(False)
    return parts


def noise_of(config: SmallTavConfig, seed: int) -> tuple[Tensor, Tensor]:
    """What a clip starts from, [c t m] of sound and [g c h w] of pictures, drawn on the processor."""
    dice = torch.Generator().manual_seed(seed)
    audio = torch.randn(config.sounds.channels, COLUMNS // PATCH, FORM.bands.n_mels // PATCH, generator=dice)
    video = torch.randn(
        config.network.frames, config.frames.channels, SIDE // PLACE, SIDE // PLACE, generator=dice
    )  # fmt: skip
    return audio, video


def pixels_of(pictures: Tensor) -> Pixels:
    """RGB [f h w 3] of pictures [f 3 h w], about in [-1, 1]."""
    scaled = ((pictures.float() + 1) * 127.5).round().clamp(0, 255)
    return np.ascontiguousarray(scaled.permute(0, 2, 3, 1).cpu().numpy().astype(np.uint8))


def sound_of(mels: Floats, seed: int) -> Waveform:
    """Sound of log-mel frames [t m], as long as a clip."""
    samples = FORM.sounding(mels, seed)[: round(SECONDS * RATE_HZ)]
    return Waveform(np.clip(samples, -1, 1)[None].astype(np.float32), RATE_HZ)


def _untaught_streams(config: SmallTavConfig, shape: StreamsShape) -> WordedStreams:
    network = TwoStreams(TwoStreamsConfig(
        config.sounds.channels * FORM.bands.n_mels // PATCH, config.frames.channels * shape.patch**2,
        config.words.width, shape.width, shape.blocks, config.network.heads, config.network.cross_attention,
        config.network.alignment,
    ))  # fmt: skip
    heard_s = COLUMNS * FORM.bands.stft.hop_length / RATE_HZ
    return WordedStreams(network, WordEncoder(config.words), shape.patch, (heard_s, SECONDS))


def _untaught_unets(config: SmallTavConfig) -> WordedUnets:
    audio, video = (_unet(channels, config) for channels in (config.sounds.channels, config.frames.channels))
    return WordedUnets(TavDiffusion(audio, video, config.network), WordEncoder(config.words))


def _unet(channels: int, config: SmallTavConfig) -> Any:
    """Stable Diffusion 1.5's kind, which attends to words at its lowest level alone."""
    outer = len(config.widths) - 1
    return import_module("diffusers").UNet2DConditionModel(
        in_channels=channels, out_channels=channels, block_out_channels=config.widths, layers_per_block=config.layers,
        down_block_types=("DownBlock2D",) * outer + ("CrossAttnDownBlock2D",),
        up_block_types=("CrossAttnUpBlock2D",) + ("UpBlock2D",) * outer,
        cross_attention_dim=config.words.width, attention_head_dim=config.network.heads, norm_num_groups=16,
    )  # fmt: skip
