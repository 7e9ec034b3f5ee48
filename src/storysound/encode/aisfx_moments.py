"""aiSFX moment by moment: AudioSet's classes in steps of 0.19 s, for as much computing as `aisfx` takes.

`aisfx` keeps the largest value over each block of 2.3 s, so a sound can't be placed in it. Its network runs here once
over the whole sound, and each step of its last feature map is heard twice: amid 2.2 s, as the network was trained, and
amid 0.74 s, which says when. In 70 mixes of ESC-50 clips with pauses, the geometric mean of both tells moments with a
class from those without it at a mean AUC of .940; 2.2 s alone .922, 0.74 s alone .929, blocks of 2.3 s that overlap by
three quarters .932, at three times the cost.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from storysound.encode.aisfx import BLOCK_FRAMES, HOP_LENGTH, RATE_HZ, Network, levelled_mels, load_network
from storysound.encode.audioset_head import AudioSetHead
from storysound.encode.encoder import Encoding, Modality
from storysound.encode.waves import Samples, samples_at
from storysound.media.audio import Waveform
from storysound.weights import Resolver

Float = NDArray[np.float32]

STEP_FRAMES = 8  # the network halves time three times
STEP_S = STEP_FRAMES * HOP_LENGTH / RATE_HZ
AMID, NEAR = BLOCK_FRAMES // STEP_FRAMES, 4  # steps heard together: as in training, and to say when
_CHUNK = 1024  # frames run at once: bounds the memory
_MARGIN = 64  # frames more on both sides: a step is made of 30 frames before and after it
_VERSION = "1"  # of this file: raised whenever the same sound would give other numbers


class AiSfxMoments:
    """Audio encoder: `embedding` [t 512] and `scores` {"audioset": [t 521]} in [0, 1], a row per 0.186 s begun.

    Row i is about the time from i · step_s on. The level of the sound doesn't matter.
    """

    name = "aisfx_moments"
    modality: Modality = "audio"
    dim = 512
    labels: Mapping[str, tuple[str, ...]]

    def __init__(self, network: Network, revision: str) -> None:
        """`network` with its weights loaded and fused."""
        self._audioset = AudioSetHead.load()
        self.labels = {"audioset": self._audioset.labels}
        self.usual = {"audioset": self._audioset.usual}
        self.revision = f"{revision}-{self._audioset.revision[:6]}"
        self._network = network.eval()

    def encode(self, items: Sequence[Waveform]) -> list[Encoding]:
        """One encoding a sound, each run alone so that none depends on its neighbours.

        Raises ValueError for anything but finite samples of one channel, one sample at least.
        """
        sounds = [samples_at(item, RATE_HZ) for item in items]
        return [self._encode(sound) for sound in sounds]

    def _encode(self, samples: Samples) -> Encoding:
        steps = -(-len(samples) // (STEP_FRAMES * HOP_LENGTH))
        mels = levelled_mels(samples)
        least = max(BLOCK_FRAMES, steps * STEP_FRAMES)
        # As in `aisfx`, less than a block is repeated to fill one; a rest of a step is filled with its last frame.
        mels = np.resize(mels, (least, mels.shape[1])) if len(mels) < BLOCK_FRAMES else _lengthened(mels, least)
        features = self._features(mels)
        embedding = loudest_around(features, AMID)
        far, near = (self._audioset.scores(e) for e in (embedding, loudest_around(features, NEAR)))
        return Encoding(embedding[:steps], {"audioset": np.sqrt(far * near)[:steps]}, STEP_S)

    @torch.inference_mode()
    def _features(self, mels: Float) -> Float:
        """The network's last feature map [t/8 512] of frames [t 96], the same as if run at once."""
        parts = []
        for start in range(0, len(mels), _CHUNK):
            low = max(0, start - _MARGIN)
            part = self._network.steps(torch.from_numpy(mels[None, low : start + _CHUNK + _MARGIN]))[0].numpy()
            skip = (start - low) // STEP_FRAMES
            parts.append(part[skip : skip + _CHUNK // STEP_FRAMES])
        return np.concatenate(parts)


def loudest_around(features: Float, width: int) -> Float:
    """Largest value in a window of `width` steps about each step: [t d] -> [t d]; at the ends the window stays inside.

    >>> loudest_around(np.array([[3], [0], [1], [0], [2]], np.float32), 3)[:, 0].tolist()
    [3.0, 3.0, 1.0, 2.0, 2.0]
    """
    windows = np.lib.stride_tricks.sliding_window_view(features, width, axis=0).max(axis=-1)
    at = np.clip(np.arange(len(features)) - width // 2, 0, len(windows) - 1)
    return np.ascontiguousarray(windows[at])


def _lengthened(frames: Float, least: int) -> Float:
    """The frames [t m], the last one repeated until there are `least`, and none above the whole steps."""
    extra = max(0, least - len(frames))
    return np.pad(frames, ((0, extra), (0, 0)), mode="edge")[: max(least, BLOCK_FRAMES)]


def load(weights: Resolver) -> AiSfxMoments:
    """The encoder. Raises MissingModelError where its weights can't be had."""
    return AiSfxMoments(load_network(weights), f"{weights.revision('aisfx')}-{_VERSION}")
