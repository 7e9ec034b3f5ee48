"""A control branch for pictures in time beside a flow that stays as it is.

Erratum 8 of Sound of Story: how frames condition the sound is not printed. Here each token of the sound has the vector
of the picture that is shown at its time; a small network adds to the stream of tokens what that picture calls for, and
to the condition, which was one for all tokens, what it does as well as what all of them do in the mean. Its last layers
begin at zero (Zhang et al. 2023, arXiv:2302.05543, ControlNet): at first it changes nothing. Axes: b items, n tokens, p
numbers of a picture, k of a condition.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from storysound.nn.flow import Control, FlowTransformer, Window, waves

_WAVES = 64  # numbers that tell the time of the flow


@dataclass(frozen=True)
class BranchConfig:
    """Shape of the network; `picture` apart, that of the flow beside which it stands."""

    picture: int  # numbers of a picture
    condition: int  # of a condition
    stream: int  # of a token of the stream
    places: int  # at which it adds to the stream: the flow's layers + 1
    width: int = 256

    def __post_init__(self) -> None:
        if min(self.picture, self.condition, self.stream, self.places, self.width) < 1:
            raise ValueError(f"needs sizes of at least 1, got {self}")


class PictureBranch(nn.Module):
    """Pictures [b n p] of the tokens, times of the flow t [b], conditions [b k] of words -> what is added."""

    def __init__(self, config: BranchConfig) -> None:
        super().__init__()
        self.config, width = config, config.width
        self.picture, self.words = nn.Linear(config.picture, width), nn.Linear(config.condition, width)
        self.time = nn.Linear(_WAVES, width)
        self.joined = nn.Linear(width, width)
        self.stream = nn.Linear(width, config.places * config.stream)
        self.condition = nn.Linear(2 * width, config.condition)
        for zero in (self.stream, self.condition):
            nn.init.zeros_(zero.weight)
            nn.init.zeros_(zero.bias)

    def forward(self, pictures: Tensor, t: Tensor, condition: Tensor) -> Control:
        """As above. Vectors are of length 1, or 0 for nothing."""
        config = self.config
        told = self.words(condition * config.condition**0.5) + self.time(waves(t, _WAVES))
        seen = self.picture(pictures * config.picture**0.5)
        hidden = F.silu(self.joined(F.silu(seen + told[:, None])))
        b, n, _ = hidden.shape
        stream = self.stream(hidden).view(b, n, config.places, config.stream)
        pooled = hidden.mean(1, keepdim=True).expand_as(hidden)
        return Control(stream.permute(2, 0, 1, 3), self.condition(torch.cat([hidden, pooled], dim=2)))


def guided_by_pictures(
    flow: FlowTransformer,
    branch: PictureBranch,
    condition: Tensor,
    pictures: Tensor,
    words_guidance: float,
    pictures_guidance: float,
) -> Window:
    """Conditions [b k] weighed against none, and pictures [b n p] against the condition alone.

    none + g_w · (words - none) + g_p · (words and pictures - words) (Brooks et al. 2023, InstructPix2Pix, eq. 3).
    """

    def seen(x: Tensor, t: float, start: int = 0) -> Tensor:
        times = torch.full((len(x),), t, device=x.device)
        none = flow(x, times, torch.zeros_like(condition))
        words = flow(x, times, condition)
        control = branch(pictures[:, start : start + x.shape[1]], times, condition)
        both = flow(x, times, condition, control)
        weighed: Tensor = none + words_guidance * (words - none) + pictures_guidance * (both - words)
        return weighed

    return seen
