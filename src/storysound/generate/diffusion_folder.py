"""Folders of latent diffusion in the layout of diffusers: Stable Diffusion 1.5's, Riffusion's, and SoSgen's own.

Ours have beside it `controlnet`, `image_encoder` and `frame_track` where pictures are heard, and `sosgen.json`, which
says what its spectrograms are made by and what it takes; a folder without it is taken for Riffusion's. Everything is
safetensors; what diffusers knows of the layout it reads itself.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from storysound.generate.pretrained import FROM_DISK, loading, quiet
from storysound.generate.variants import Variant
from storysound.media.files import write_whole, writing
from storysound.media.spectrograms.form import SpectrogramForm
from storysound.nn.frame_track import FrameTrack, FrameTrackConfig
from storysound.nn.latent_diffusion import sampler

ABOUT = "sosgen.json"
_TRACK = "frame_track"
_HINT_WIDTHS = (16, 32, 96, 256)  # ControlNet's: each but the first halves a hint, which is to be as small as latents
_WANTED = "latent diffusion in the layout of diffusers (Stable Diffusion 1.5, Riffusion or SoSgen)"


@dataclass(frozen=True)
class SpectrogramAbout:
    """What a folder's model was taught to draw, and of what."""

    form: SpectrogramForm = field(default_factory=SpectrogramForm)
    width: int = 1536  # columns of a slice: 15 s
    variant: Variant = "text"

    def __post_init__(self) -> None:
        if self.width < 1 or self.variant not in get_args(Variant):
            raise ValueError(f"needs a width of 1 or more and one of {', '.join(get_args(Variant))}, got {self}")
        if self.form.channels != 1:
            raise ValueError("pictures of one channel are wanted")

    @property
    def column_s(self) -> float:
        """Seconds from one column to the next."""
        return self.form.hop / self.form.rate_hz


@dataclass(frozen=True)
class DiffusionParts:
    """The networks of a folder; those of diffusers and transformers are of these libraries' classes.

    `control`, `track` and `eyes` (transformers' CLIPVisionModelWithProjection) are there where pictures are heard.
    """

    about: SpectrogramAbout
    vae: Any  # AutoencoderKL
    unet: Any  # UNet2DConditionModel
    text_encoder: Any  # CLIPTextModel
    tokenizer: Any
    schedule: Any
    control: Any = None  # ControlNetModel
    track: FrameTrack | None = None
    eyes: Any = None

    @property
    def factor(self) -> int:
        """Of a picture to its latents."""
        return int(2 ** (len(self.vae.config.block_out_channels) - 1))

    @property
    def multiple(self) -> int:
        """Columns and rows of pictures come in multiples of it; a track has a cell for each so many columns."""
        return int(self.factor * 2 ** (len(self.unet.config.block_out_channels) - 1))

    @property
    def cells(self) -> int:
        """Of a slice's track."""
        return self.about.width // self.multiple

    @property
    def cell_s(self) -> float:
        """Length of a cell of a track."""
        return self.multiple * self.about.column_s

    def tokens(self, texts: list[str]) -> Tensor:
        """Tokens [b n] of texts, from the front as many as the text encoder reads."""
        return tokens_of(self.tokenizer, self.text_encoder, texts)

    def to(self, device: torch.device) -> "DiffusionParts":
        """All networks there."""
        for part in (self.vae, self.unet, self.text_encoder, self.control, self.track, self.eyes):
            if part is not None:
                part.to(device)
        return self

    def with_branch(self, variant: Variant, eyes: Any, seed: int) -> "DiffusionParts":
        """The same with an untaught control branch, a copy of the UNet's first half that adds nothing yet."""
        config = FrameTrackConfig(eyes.config.projection_dim, self.text_encoder.config.hidden_size, self.cells)
        made = import_module("diffusers").ControlNetModel
        with torch.random.fork_rng([]):
            torch.manual_seed(seed)
            control = made.from_unet(
                self.unet, conditioning_embedding_out_channels=_HINT_WIDTHS[: self.factor.bit_length()],
                conditioning_channels=config.channels,
            )  # fmt: skip
            track = FrameTrack(config)
        about = replace(self.about, variant=variant)
        return replace(self, about=about, control=control, track=track, eyes=eyes.eval().requires_grad_(False))

    def untrained(self, seed: int = 0) -> "DiffusionParts":
        """The same with networks of random weights, but for the VAE and the eyes, which training leaves alone."""
        with torch.random.fork_rng([]):
            torch.manual_seed(seed)
            unet = type(self.unet).from_config(self.unet.config).eval()
            text_encoder = type(self.text_encoder)(self.text_encoder.config).eval()
            control = None if self.control is None else type(self.control).from_config(self.control.config).eval()
            track = None if self.track is None else FrameTrack(self.track.config).eval()
        return replace(self, unet=unet, text_encoder=text_encoder, control=control, track=track)

    def check(self) -> None:
        """Raises ValueError where parts don't fit together."""
        unet, width = self.unet.config, self.text_encoder.config.hidden_size
        sizes = (self.about.form.bands, self.about.width)
        faults = {
            f"the UNet's latents have {unet.in_channels} and {unet.out_channels} channels, the VAE's "
            f"{self.vae.config.latent_channels}": {unet.in_channels, unet.out_channels, self.vae.config.latent_channels}
            != {self.vae.config.latent_channels},
            f"the UNet attends to {unet.cross_attention_dim} numbers a token, the text encoder says {width}":
            unet.cross_attention_dim != width,
            f"it predicts {self.schedule.config.prediction_type}, not noise":
            self.schedule.config.prediction_type != "epsilon",
            f"spectrograms of {sizes[0]} bands and {sizes[1]} columns, not multiples of {self.multiple}":
            any(size % self.multiple for size in sizes),
            "it hears pictures and lacks the parts for it":
            self.about.variant != "text" and None in (self.control, self.track, self.eyes),
        }  # fmt: skip
        if self.track is not None and self.control is not None and self.eyes is not None:
            own, control = self.track.config, self.control.config
            faults |= {
                "control branch, frame track and picture encoder don't fit": (
                    own.attention, own.channels, own.frame, width
                ) != (
                    control.cross_attention_dim, control.conditioning_channels, self.eyes.config.projection_dim,
                    own.attention,
                ),
                f"the frame track has {own.cells} cells, slices have {self.cells}": own.cells < self.cells,
            }  # fmt: skip
        for fault, there in faults.items():
            if there:
                raise ValueError(fault)


def tokens_of(tokenizer: Any, text_encoder: Any, texts: list[str]) -> Tensor:
    """Tokens [b n] of texts, from the front as many as the text encoder reads."""
    longest = text_encoder.config.max_position_embeddings
    found = tokenizer(texts, padding="max_length", truncation=True, max_length=longest, return_tensors="pt")
    ids: Tensor = found.input_ids
    return ids


def read_parts(folder: Path) -> DiffusionParts:
    """All parts of a folder. Raises MissingModelError where some are missing, damaged, or don't fit together."""
    with loading(folder, _WANTED):
        about = _about(folder)
        hears = about.variant != "text"
        parts = DiffusionParts(
            about, read_network(folder, "vae", "AutoencoderKL"), read_network(folder, "unet", "UNet2DConditionModel"),
            read_network(folder, "text_encoder", "CLIPTextModel"), read_tokenizer(folder), read_schedule(folder),
            read_network(folder, "controlnet", "ControlNetModel") if hears else None,
            _track(folder / _TRACK) if hears else None,
            read_network(folder, "image_encoder", "CLIPVisionModelWithProjection") if hears else None,
        )  # fmt: skip
        parts.check()
    return parts


def read_eyes(folder: Path) -> Any:
    """A picture encoder of CLIP: transformers' CLIPVisionModelWithProjection, frozen. Raises MissingModelError."""
    with loading(folder, "the picture encoder of a CLIP"):
        return read_network(folder.parent, folder.name, "CLIPVisionModelWithProjection").requires_grad_(False)


def write_parts(parts: DiffusionParts, folder: Path) -> None:
    """Writes a folder, in place of what was there, or nothing at all. Raises OutputError."""
    partial = folder.with_name(f"{folder.name}.part")
    with writing(folder):
        shutil.rmtree(partial, ignore_errors=True)
        with quiet():
            _whole(parts).save_pretrained(partial, safe_serialization=True)
        _as_on_the_hub(partial)
        if parts.track is not None:
            (partial / _TRACK).mkdir()
            save_file(parts.track.state_dict(), partial / _TRACK / "model.safetensors")
            write_whole(partial / _TRACK / "config.json", json.dumps(asdict(parts.track.config), indent=1))
        write_whole(partial / ABOUT, json.dumps(asdict(parts.about), indent=1))
        shutil.rmtree(folder, ignore_errors=True)
        partial.replace(folder)


def _whole(parts: DiffusionParts) -> Any:
    """The pipeline of diffusers that has all these parts, and so knows the layout."""
    kind = "StableDiffusionPipeline" if parts.control is None else "StableDiffusionControlNetPipeline"
    branch = {} if parts.control is None else {"controlnet": parts.control, "image_encoder": parts.eyes}
    return getattr(import_module("diffusers"), kind)(
        vae=parts.vae, text_encoder=parts.text_encoder, tokenizer=parts.tokenizer, unet=parts.unet,
        scheduler=sampler("ddim", parts.schedule), safety_checker=None, feature_extractor=None,
        requires_safety_checker=False, **branch,
    )  # fmt: skip


def _as_on_the_hub(folder: Path) -> None:
    """Names of the text encoder's weights and files of the tokenizer as those who read such folders know them.

    transformers 5 writes others, and reads both.
    """
    file = folder / "text_encoder" / "model.safetensors"
    tensors = {f"text_model.{name.removeprefix('text_model.')}": value for name, value in load_file(file).items()}
    save_file(tensors, file, {"format": "pt"})
    words = json.loads((folder / "tokenizer" / "tokenizer.json").read_text("utf-8"))["model"]
    write_whole(folder / "tokenizer" / "vocab.json", json.dumps(words["vocab"]))
    lines = (merge if isinstance(merge, str) else " ".join(merge) for merge in words["merges"])
    write_whole(folder / "tokenizer" / "merges.txt", "\n".join(["#version: 0.2", *lines, ""]))


def _about(folder: Path) -> SpectrogramAbout:
    file = folder / ABOUT
    if not file.exists():
        return SpectrogramAbout()
    told: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return SpectrogramAbout(**{**told, "form": SpectrogramForm(**told["form"])})


def read_schedule(folder: Path) -> Any:
    """The schedule of noise of a folder: diffusers' DDPMScheduler."""
    with (folder / "scheduler" / "scheduler_config.json").open("rb") as file:
        return import_module("diffusers").DDPMScheduler.from_config(json.load(file))


def read_tokenizer(folder: Path) -> Any:
    """CLIP's tokenizer of a folder."""
    return import_module("transformers").CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)


def read_network(folder: Path, part: str, kind: str) -> Any:
    """A network of a folder, ready to be run. Raises ValueError where weights are missing."""
    libraries: Mapping[bool, str] = {True: "transformers", False: "diffusers"}
    of_transformers = kind.startswith(("CLIP", "SpeechT5"))
    made = getattr(import_module(libraries[of_transformers]), kind)
    own = {} if of_transformers else {"low_cpu_mem_usage": False}
    network, told = made.from_pretrained(folder / part, output_loading_info=True, **own, **FROM_DISK)
    if missing := sorted(told["missing_keys"]):
        raise ValueError(f"{part} lacks {len(missing)} weights, {missing[0]} among them")
    return network.float().eval()


def _track(folder: Path) -> FrameTrack:
    config = FrameTrackConfig(**json.loads((folder / "config.json").read_text("utf-8")))
    track = FrameTrack(config)
    track.load_state_dict(load_file(folder / "model.safetensors"))
    return track.eval()
