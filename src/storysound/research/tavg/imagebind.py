"""ImageBind from a file of the user's: the space in which the paper's AVHScore has frames meet sounds (Eq. 1).

Its weights (`imagebind_huge.pth`, CC BY-NC-SA 4.0) are in no catalogue: they may not be used commercially.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from storysound.encode import pictures, waves
from storysound.encode.clip import prepare
from storysound.encode.encoder import Encoding, Modality, Traits
from storysound.media.arrays import Floats, Pixels, Samples
from storysound.media.audio import Waveform
from storysound.media.spectrogram import kaldi_fbank
from storysound.nn.imagebind import Tower, tower_of
from storysound.progress import unless_stopped
from storysound.research.tavg.weight_files import read_weights

SIDE_PX = 224
RATE_HZ, CLIP_S, CLIPS = 16_000, 2.0, 3  # of a sound: clips evenly over its length
BANDS, COLUMNS = 128, 204
MEAN, SPREAD = -4.268, 9.138  # of log-mel energies
_VERSION = "1"  # of this file: raised whenever the same video would give other numbers


class ImageBindEyes:
    """Picture encoder: `embedding` [1 d], of length 1."""

    name = "imagebind"
    modality: Modality = "image"
    traits = Traits()
    labels: Mapping[str, tuple[str, ...]] = {}

    def __init__(self, tower: Tower, revision: str) -> None:
        self.revision, self.dim = revision, tower.config.out
        self._tower = tower

    def encode(self, items: Sequence[Pixels]) -> list[Encoding]:
        """One vector a picture. Raises ValueError for anything but non-empty uint8 [h w 3]."""
        return pictures.each_alone(items, lambda rgb: Encoding(self._tower(prepare(rgb, SIDE_PX)[None]).numpy()))


class ImageBindEars:
    """Audio encoder: `embedding` [1 d], the mean of unit vectors of three clips of 2 s."""

    name = "imagebind"
    modality: Modality = "audio"
    traits = Traits()
    labels: Mapping[str, tuple[str, ...]] = {}

    def __init__(self, tower: Tower, revision: str) -> None:
        self.revision, self.dim = revision, tower.config.out
        self._tower = tower

    def encode(self, items: Sequence[Waveform]) -> list[Encoding]:
        """One vector a sound. Raises ValueError for anything but finite samples of one channel, one at least."""
        return waves.each_alone(items, RATE_HZ, self._heard)

    @torch.inference_mode()
    def _heard(self, samples: Samples) -> Encoding:
        """Of samples [n] at `RATE_HZ`."""
        rows = [self._tower(torch.from_numpy(bands)[None, None])[0] for bands in unless_stopped(clips_of(samples))]
        return Encoding(torch.stack(rows).mean(0)[None].numpy(), step_s=len(samples) / RATE_HZ)


def clips_of(samples: Samples) -> list[Floats]:
    """Spectrograms [128 204] of clips of samples [n], evenly from the first to the last that fits; zeros follow."""
    length = round(CLIP_S * RATE_HZ)
    starts = np.linspace(0, max(0, len(samples) - length), CLIPS)
    found = []
    for start in starts:
        bands = kaldi_fbank(samples[int(start) : int(start) + length], RATE_HZ, BANDS)[:COLUMNS]
        padded = np.pad(bands, ((0, COLUMNS - len(bands)), (0, 0)))
        found.append(np.asarray((padded.T - MEAN) / SPREAD, np.float32))
    return found


@dataclass(frozen=True)
class ImageBind:
    """Both encoders."""

    eyes: ImageBindEyes
    ears: ImageBindEars


def read_imagebind(file: Path) -> ImageBind:
    """From a file of weights. Raises MediaError for one that can't be read, InputError for one of something else."""

    def made(weights: Mapping[str, Tensor]) -> tuple[Tower, Tower]:
        return tower_of(weights, "vision"), tower_of(weights, "audio")

    wanted = "give imagebind_huge.pth, or its tensors as .safetensors"
    (eyes, ears), sha = read_weights(file, made, "ImageBind", wanted)
    return ImageBind(ImageBindEyes(eyes, f"{sha}-{_VERSION}"), ImageBindEars(ears, f"{sha}-{_VERSION}"))
