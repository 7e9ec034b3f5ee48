"""The small TAVDiffusion's networks with the words that tell them: the paper's two UNets, or one of two streams.

Either learns with an encoder of words and makes latents of sound [b c t m] and of picture [b g c h w]: UNets by
velocities over a schedule of diffusion, streams by a rectified flow over tokens of these latents.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from storysound.generate.video.halves import Known, Latents
from storysound.nn import tavdiffusion, two_streams
from storysound.nn.latent_diffusion import sampler
from storysound.nn.tavdiffusion import PredictedNoise, TavDiffusion
from storysound.nn.two_streams import SeenData, TwoStreams
from storysound.nn.word_encoder import WordEncoder


@dataclass(frozen=True)
class Sampling:
    """How clips are sampled."""

    method: str
    steps: int
    guidance: float  # by the text; 1: none
    mutual: float  # of each side by the other; 1: none

    def changed(self, steps: int | None, guidance: float | None, mutual: float | None) -> "Sampling":
        """With each that isn't None in place of its own."""
        return Sampling(
            self.method, self.steps if steps is None else steps, self.guidance if guidance is None else guidance,
            self.mutual if mutual is None else mutual,
        )  # fmt: skip


class WordedUnets(nn.Module):
    """A TavDiffusion and the encoder of words that tells it, which learns with it."""

    usual = Sampling("DDIM", 25, 3.0, 2.0)  # half of the paper's steps; both guidances chosen together: docs/RESULTS.md

    def __init__(self, network: TavDiffusion, words: WordEncoder) -> None:
        super().__init__()
        self.network, self.words = network, words

    def forward(self, audio: Tensor, video: Tensor, t: Tensor, ids: Tensor) -> PredictedNoise:
        """As `TavDiffusion`, told by numbers of words [b k]."""
        found: PredictedNoise = self.network(audio, video, t, self.words(ids))
        return found

    def enable_gradient_checkpointing(self, run: Callable[..., Any]) -> None:
        """Blocks are computed again going back, by `run(block, ...)`."""
        for unet in (self.network.audio, self.network.video):
            unet.enable_gradient_checkpointing(run)

    def sampled(
        self, noise: Latents, ids: Tensor, sampling: Sampling, check: Callable[[], None], known: Known
    ) -> Latents:
        """Latents from noise of their shapes, told by words [b k], for what is `known`; `check` may raise."""
        context, nothing = self.words(ids), self.words(torch.zeros_like(ids))
        return tavdiffusion.generated(
            self.network, noise, context, nothing, sampling.guidance, sampler("ddim", schedule()), sampling.steps,
            check, known, sampling.mutual,
        )  # fmt: skip


class LatentTokens(NamedTuple):
    """Latents of clips as a transformer takes them."""

    audio: Tensor  # [b n c]
    video: Tensor  # [b m e]
    places: Tensor  # [n+m 3]: see `two_streams.audio_places`


class WordedStreams(nn.Module):
    """A TwoStreams and the encoder of words that tells it, which learns with it."""

    usual = Sampling("Heun", 8, 3.0, 1.0)  # chosen on 24 texts of the validation part: docs/RESULTS.md

    def __init__(self, network: TwoStreams, words: WordEncoder, patch: int, seconds: tuple[float, float]) -> None:
        """`patch`: latents of a token's height and width; `seconds` that latents of sound and of picture last."""
        super().__init__()
        self.network, self.words, self.patch, self.seconds = network, words, patch, seconds

    def forward(self, audio: Tensor, video: Tensor, t: Tensor, ids: Tensor, mask: Tensor, places: Tensor) -> SeenData:
        """As `TwoStreams`, told by numbers of words [b k], which `mask` [b k] says are some."""
        found: SeenData = self.network(audio, video, t, self.words(ids), mask, places)
        return found

    def tokens(self, audio: Tensor, video: Tensor) -> LatentTokens:
        """Of latents [b c t m] and [b g c h w]."""
        height, width = (size // self.patch for size in video.shape[3:])
        heard_s, shown_s = self.seconds
        heard = two_streams.audio_places(audio.shape[2], heard_s)
        shown = two_streams.video_places(video.shape[1], height, width, shown_s)
        return LatentTokens(
            two_streams.audio_tokens(audio), two_streams.video_tokens(video, self.patch),
            torch.cat([heard, shown]).to(audio.device),
        )  # fmt: skip

    def enable_gradient_checkpointing(self, run: Callable[..., Any]) -> None:
        """Blocks are computed again going back, by `run(block, ...)`."""
        self.network.enable_gradient_checkpointing(run)

    def sampled(
        self, noise: Latents, ids: Tensor, sampling: Sampling, check: Callable[[], None], known: Known
    ) -> Latents:
        """Latents from noise of their shapes, told by words [b k], for what is `known`; `check` may raise."""
        audio, video = noise
        tokens = self.tokens(audio, video)
        heard, seen = known
        there = (
            None if heard is None else two_streams.audio_tokens(heard),
            None if seen is None else two_streams.video_tokens(seen, self.patch),
        )
        made = two_streams.generated(
            self.network, (tokens.audio, tokens.video), self.words(ids), ids > 0, tokens.places, sampling.guidance,
            sampling.steps, check, there, sampling.mutual,
        )  # fmt: skip
        frames, _, height, width = video.shape[1:]
        shown = two_streams.video_latents(made[1], frames, height, width, self.patch)
        return two_streams.audio_latents(made[0], audio.shape[1]), shown


Worded = WordedUnets | WordedStreams


def schedule() -> Any:
    """Noise in a thousand steps by a cosine (Nichol and Dhariwal 2021), seen as velocities (Salimans and Ho 2022).

    The paper's networks see noise, over Stable Diffusion's schedule; a small one learns velocities sooner.
    """
    made = import_module("diffusers").DDPMScheduler
    return made(1000, beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction", clip_sample=False)
