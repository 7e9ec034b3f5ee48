"""I3D from a file of the user's: what FVD was made with (Unterthiner et al. 2018, arXiv:1812.01717).

Its weights are in no catalogue: those that are public are DeepMind's (Apache-2.0), trained on Kinetics and turned into
PyTorch's by others.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from storysound.encode.encoder import Encoding, Modality, Traits
from storysound.encode.pictures import each_video_alone, mean_of
from storysound.media.arrays import Pixels
from storysound.nn.i3d import I3D, SIDE
from storysound.research.tavg.weight_files import read_weights

AT_ONCE = 16  # frames: FVD's
_VERSION = "1"  # of this file: raised whenever the same video would give other numbers


class I3dLogits:
    """Video encoder: `embedding` [1 400], the mean of the classes' logits over stretches of 16 frames, as FVD's."""

    name = "i3d"
    modality: Modality = "video"
    traits = Traits()
    labels: Mapping[str, tuple[str, ...]] = {}
    frames = AT_ONCE

    def __init__(self, network: I3D, revision: str) -> None:
        self.revision = revision
        self.dim = int(network.logits.conv3d.out_channels)
        self._network = network.eval().requires_grad_(False)

    def encode(self, items: Sequence[Pixels]) -> list[Encoding]:
        """One vector a video. Raises ValueError for anything but non-empty uint8 [f h w 3]."""
        return each_video_alone(items, lambda video: mean_of(video, self.frames, self._seen))

    def _seen(self, frames: Pixels) -> Tensor:
        """Logits [k] of frames [f h w 3], each of which fills the square as a whole, as FVD has it."""
        filled = [Image.fromarray(rgb).resize((SIDE, SIDE), Image.Resampling.BILINEAR) for rgb in frames]
        colours = np.stack([np.asarray(picture, np.float32) for picture in filled]) / 127.5 - 1
        logits: Tensor = self._network(torch.from_numpy(colours).permute(3, 0, 1, 2)[None])[0]
        return logits


def read_i3d(file: Path) -> I3dLogits:
    """The encoder of a file of weights. Raises MediaError for one that can't be read, InputError for others."""

    def made(weights: Mapping[str, Tensor]) -> I3D:
        network = I3D(len(weights["logits.conv3d.bias"]))
        network.load_state_dict(weights)
        return network

    wanted = "give I3D's weights by the names of rgb_imagenet.pt, as .safetensors or a state dict of PyTorch's"
    network, sha = read_weights(file, made, "I3D", wanted)
    return I3dLogits(network, f"{sha}-{_VERSION}")
