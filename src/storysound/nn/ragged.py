"""Sequences of different length, one after the other in one tensor."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Ragged(NamedTuple):
    """Sequences of different length, one after the other: `values` [sum d]; sequence i from `starts`[i] on."""

    values: Tensor
    starts: Tensor

    def __len__(self) -> int:
        return len(self.starts) - 1

    def lengths(self) -> Tensor:
        """Tokens of each sequence: [n]."""
        return self.starts.diff()

    def of(self, numbers: Tensor, first: Tensor | None = None, most: int | None = None) -> tuple[Tensor, Tensor]:
        """These sequences, from their token `first` on, `most` tokens at most: [b n d] and what is real [b n]."""
        start = self.starts[numbers] + (0 if first is None else first)
        lengths = self.starts[numbers + 1] - start
        if most is not None:
            lengths = lengths.clamp(max=most)
        at = torch.arange(max(1, int(lengths.max())))[None]
        mask = at < lengths[:, None]
        if not len(self.values):
            return torch.zeros(*mask.shape, self.values.shape[1]), mask
        rows = self.values[torch.where(mask, start[:, None] + at, start[:, None]).clamp(max=len(self.values) - 1)]
        return rows.float() * mask[..., None], mask

    def mean(self, numbers: Tensor) -> Tensor | None:
        """Of all tokens of these sequences [d]; None where they have none."""
        own = torch.isin(torch.arange(len(self)), numbers).repeat_interleave(self.lengths())
        return self.values[own].mean(dim=0, dtype=torch.float32) if own.any() else None

    @classmethod
    def from_list(cls, parts: Sequence[Tensor], width: int) -> "Ragged":
        """Of tensors [n_i width]."""
        lengths = torch.tensor([0, *(len(part) for part in parts)])
        return cls(torch.cat([torch.zeros(0, width, dtype=torch.half), *parts]), lengths.cumsum(0))
