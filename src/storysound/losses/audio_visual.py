"""Picture and sound of one clip should be more alike than those of two (TAVGBench, section 4.4), and without noise.

Axes: b clips that are heard, c clips that are seen, n tokens of sound, m tokens of picture, d numbers a token.
"""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from storysound.losses.contrastive import symmetric
from storysound.nn.flow import between, random_times, velocity_error
from storysound.nn.tavdiffusion import MiddleTokens, PredictedNoise
from storysound.nn.two_streams import SeenData

Match = Literal["max", "mean"]
MATCHES: tuple[Match, ...] = get_args(Match)


def weighted_similarity(a: Tensor, v: Tensor, weight_a: Tensor, weight_v: Tensor, match: Match = "max") -> Tensor:
    """How alike each sound is to each picture, in [-1, 1]: [b n d], [c m d], [b n], [c m] -> [b c] (Eq. 14).

    Every token's cosine with the other side is that with its best match there, or the mean ("mean"; the paper prints
    neither: erratum 9); the weighted sums of both ways are added and halved (erratum 6). `weight_a` and `weight_v` sum
    to 1 over a clip's tokens. Raises ValueError for shapes that don't fit and for a match that isn't one.

    >>> a, v = torch.eye(2)[None], torch.tensor([[[2.0, 0.0]]])
    >>> weighted_similarity(a, v, torch.tensor([[0.75, 0.25]]), torch.ones(1, 1)).item()
    0.875
    """
    if match not in MATCHES:
        raise ValueError(f"matches are {', '.join(MATCHES)}, got {match!r}")
    fits = a.ndim == v.ndim == 3 and a.shape[2] == v.shape[2]
    if not fits or weight_a.shape != a.shape[:2] or weight_v.shape != v.shape[:2] or not (a.numel() and v.numel()):
        got = ", ".join(str(list(one.shape)) for one in (a, v, weight_a, weight_v))
        raise ValueError(f"needs tokens [b n d] and [c m d] and weights [b n] and [c m], none empty, got {got}")
    cosines = torch.einsum("bnd,cmd->bcnm", F.normalize(a, dim=-1), F.normalize(v, dim=-1))
    of_a, of_v = (cosines.amax(dim) if match == "max" else cosines.mean(dim) for dim in (3, 2))
    return (torch.einsum("bcn,bn->bc", of_a, weight_a) + torch.einsum("bcm,cm->bc", of_v, weight_v)) / 2


def explicit_alignment(similarity: Tensor, temperature: float = 0.1) -> Tensor:
    """Cross-entropy of finding each clip's picture by its sound and, added to it, the other way: [b b] -> scalar.

    Row i belongs to column i, the others of the batch are wrong answers (Eq. 13, erratum 7); the mean over clips.
    Raises ValueError for another shape.

    >>> round(explicit_alignment(torch.tensor([[0.9, 0.1], [0.1, 0.9]])).item(), 5)
    0.00067
    """
    return 2 * symmetric(similarity, temperature)


@dataclass(frozen=True)
class AudibleVideoLoss:
    """Eq. 15 and what it is made of; scalars."""

    total: Tensor
    audio: Tensor  # Eq. 7 of sound
    video: Tensor  # Eq. 7 of picture
    alignment: Tensor | None  # Eq. 13, before its weight; None of a network without it

    def by_name(self) -> dict[str, Tensor]:
        """What a training takes: "loss", which is minimised, and the others, detached, which are shown."""
        shown = {"audio": self.audio.detach(), "video": self.video.detach()}
        if self.alignment is not None:
            shown["alignment"] = self.alignment.detach()
        return {"loss": self.total, **shown}


def audible_video_loss(
    network: torch.nn.Module,
    audio: Tensor,
    video: Tensor,
    context: Tensor,
    schedule: Any,
    dice: torch.Generator,
    weight: float = 0.1,
    temperature: float = 0.1,
    match: Match = "max",
) -> AudibleVideoLoss:
    """Eq. 15 of a `TavDiffusion`, for latents [b c h w] and [b f c h w] and tokens of their texts [b k t].

    Each clip gets one time, of one schedule of diffusers, for its sound and its picture, and noise for each (Eq. 11).
    Errors are means over all numbers of a side, as Stable Diffusion's training takes them, where the paper prints
    sums. A schedule that says so is learned by velocities instead of noise (Salimans and Ho 2022). Times and noise
    are drawn by `dice`, of the processor.
    """
    t = torch.randint(0, schedule.config.num_train_timesteps, (len(audio),), generator=dice).to(audio.device)
    noise_a, noise_v = (torch.randn(one.shape, generator=dice).to(one) for one in (audio, video))
    seen: PredictedNoise = network(
        schedule.add_noise(audio, noise_a, t), schedule.add_noise(video, noise_v, t), t, context
    )  # fmt: skip
    if schedule.config.prediction_type == "v_prediction":
        wanted_a, wanted_v = (
            schedule.get_velocity(data, noise, t) for data, noise in ((audio, noise_a), (video, noise_v))
        )
    else:
        wanted_a, wanted_v = noise_a, noise_v
    error_a, error_v = (
        (wanted - found).float().square().mean() for wanted, found in ((wanted_a, seen.audio), (wanted_v, seen.video))
    )
    return _with_alignment(error_a, error_v, seen.middle, weight, temperature, match)


def audible_flow_loss(
    network: torch.nn.Module,
    audio: Tensor,
    video: Tensor,
    text: Tensor,
    mask: Tensor,
    places: Tensor,
    dice: torch.Generator,
    weight: float = 0.1,
    temperature: float = 0.1,
    match: Match = "max",
) -> AudibleVideoLoss:
    """The same for a `TwoStreams`: errors of velocities in the place of noise, as `nn.flow.flow_loss` has them.

    Of tokens [b n c] and [b m e], tokens of their texts [b k t], whose real ones `mask` [b k] names, and places
    [n+m 3]. Each clip gets one time for its sound and its picture, and noise for each, drawn by `dice`, of the
    processor.
    """
    t = random_times(len(audio), dice).to(audio.device)
    noise_a, noise_v = (torch.randn(one.shape, generator=dice).to(one) for one in (audio, video))
    seen: SeenData = network(between(noise_a, audio, t), between(noise_v, video, t), t, text, mask, places)
    error_a, error_v = velocity_error(seen.audio, audio, t), velocity_error(seen.video, video, t)
    return _with_alignment(error_a, error_v, seen.middle, weight, temperature, match)


def _with_alignment(
    error_a: Tensor, error_v: Tensor, middle: MiddleTokens | None, weight: float, temperature: float, match: Match
) -> AudibleVideoLoss:
    """Eq. 15 of both errors, each a scalar."""
    if middle is None:
        return AudibleVideoLoss(error_a + error_v, error_a, error_v, None)
    aligned = explicit_alignment(middle_similarity(middle, match), temperature)
    return AudibleVideoLoss(error_a + error_v + weight * aligned, error_a, error_v, aligned)


def middle_similarity(middle: MiddleTokens, match: Match = "max") -> Tensor:
    """Eq. 14 of all pairs of a batch: scalars [b b] of tokens, in single precision."""
    tokens = (middle.audio, middle.video, middle.audio_weights, middle.video_weights)
    audio, video, weight_a, weight_v = (one.float() for one in tokens)
    return weighted_similarity(audio, video, weight_a, weight_v, match)
