"""What is seen over the time of a slice, as a condition of its sound (Sound of Story, Fig. 5; c_img of Eq. 13).

Erratum 8: the paper doesn't print how frames condition its ControlNet. Here the slice's time is cut into cells, each of
which has the CLIP embedding of the frame that is shown in its middle: the track. It becomes tokens, one a cell, which
the control branch attends to beside those of the text; and a learned picture, the hint, of as many columns as the
spectrogram, which is added where ControlNet adds its own: so that the branch knows what is seen when. One way of
spreading serves sequences of any number of frames, and no mask is needed.
Axes: b items, k cells, d numbers of an embedding, w width of the attention, c channels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class FrameTrackConfig:
    """Shape of the network."""

    frame: int  # numbers of a frame's embedding
    attention: int  # width of the branch's cross-attention
    cells: int = 24  # of a slice, at most: 64 columns each of 1,536
    channels: int = 8  # of the hint
    rows: int = 8  # of the hint before it is as high as a picture

    def __post_init__(self) -> None:
        if min(self.frame, self.attention, self.cells, self.channels, self.rows) < 1:
            raise ValueError(f"needs sizes of at least 1, got {self}")


def spread(embeddings: Tensor, times_s: Sequence[float], cells: int, cell_s: float) -> Tensor:
    """The track [k d] of frames [m d] that are shown from `times_s` on, over `cells` of `cell_s` each.

    A cell has the frame that is shown in its middle; before the first frame, that one. Times are in order, from the
    beginning of the slice; the first may lie before it. Raises ValueError for no frames, or another number of times.

    >>> spread(torch.tensor([[1.0], [2.0]]), [-3.0, 1.2], 4, 0.5).flatten().tolist()
    [1.0, 1.0, 2.0, 2.0]
    """
    if not len(embeddings) or len(embeddings) != len(times_s):
        raise ValueError(f"needs a time for each of some frames, got {len(times_s)} for {len(embeddings)}")
    middles = (torch.arange(cells) + 0.5) * cell_s
    shown = torch.searchsorted(torch.tensor(times_s, dtype=middles.dtype), middles, right=True) - 1
    return embeddings[shown.clamp(min=0).to(embeddings.device)]


class FrameTrack(nn.Module):
    """Tracks [b k d] to tokens [b k w] for the control branch's cross-attention, and to hints [b c height width]."""

    def __init__(self, config: FrameTrackConfig) -> None:
        super().__init__()
        self.config = config
        self.norm = nn.LayerNorm(config.frame, elementwise_affine=False)  # encoders differ in length
        self.tokens = nn.Linear(config.frame, config.attention)
        self.place = nn.Parameter(0.02 * torch.randn(config.cells, config.attention))
        self.hint = nn.Linear(config.frame, config.channels * config.rows)

    def forward(self, track: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
        """Of tracks [b k d], k at most `cells`; the hint is as large as the picture of the slice."""
        b, k, _ = track.shape
        rows = self.norm(track)
        tokens = self.tokens(rows) + self.place[:k]
        small = self.hint(rows).view(b, k, self.config.channels, self.config.rows).permute(0, 2, 3, 1)
        return tokens, F.interpolate(small, (height, width), mode="bilinear", align_corners=False)
