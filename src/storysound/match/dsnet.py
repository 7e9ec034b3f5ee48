"""DS-Net: which steps of a sequence a gloss keeps (Fang et al. 2024, "BGTAI", section 2.2.2, Eq. 3 and 4).

For each word of a gloss one step of the sequence is selected, never before the one of the word ahead of it; steps in
between are skipped. Such an alignment is a binary Q × T matrix with a single 1 in each row, sparse and monotonic. All
of them get a probability, that of the Gibbs distribution of their summed scores. In training the network answers with
its expectation, exact and differentiable; in use with its mode. The paper does not say how its discrete path is
learned through; this is the reading of erratum 1, by which rows are distributions over T.

Axes: b items, Q words of a gloss, T steps of a sequence, d their common width.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

NEVER = -1e4  # score of what must not be: no infinities, whose gradients are no numbers


@dataclass(frozen=True)
class Config:
    """Sizes; the paper prints none."""

    width: int = 384  # of gloss and sequence, which lie in one space
    scale: float = 10.0  # of their cosine in the scores, at first

    def __post_init__(self) -> None:
        if self.width < 1 or self.scale <= 0:
            raise ValueError(f"needs width >= 1 and scale > 0, got {self}")

    @classmethod
    def tiny(cls) -> "Config":
        """Small enough for a test to train."""
        return cls(8)


class DSNet(nn.Module):
    """Eq. 3. Untrained, its scores are the cosines of gloss and sequence; learned maps add to both sides."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.query, self.key = (nn.Linear(config.width, config.width, bias=False) for _ in range(2))
        for linear in (self.query, self.key):
            nn.init.zeros_(linear.weight)
        self.log_scale = nn.Parameter(torch.tensor(config.scale).log())
        self.diagonal = nn.Parameter(torch.zeros(()))  # how much it matters to be as far on in both

    def scores(self, gloss: Tensor, sequence: Tensor, gloss_mask: Tensor, mask: Tensor) -> Tensor:
        """How well each step fits each word: [b Q T], float32 under autocast too; arguments as in `forward`."""
        with torch.autocast(gloss.device.type, enabled=False):
            gloss, sequence = gloss.float(), sequence.float()
            words = F.normalize(gloss + self.query(gloss), dim=-1)
            steps = F.normalize(sequence + self.key(sequence), dim=-1)
            off = (_progress(gloss_mask)[:, :, None] - _progress(mask)[:, None]).abs()
            return self.log_scale.exp() * words @ steps.transpose(1, 2) - self.diagonal * off

    def forward(self, gloss: Tensor, sequence: Tensor, gloss_mask: Tensor, mask: Tensor) -> Tensor:
        """Of glosses [b Q d] and sequences [b T d]: the alignment [b Q T], expected in training, else the best.

        `gloss_mask` bool [b Q] and `mask` bool [b T]: what is real, padding comes last; rows of padding are zeros.
        """
        scores = self.scores(gloss, sequence, gloss_mask, mask)
        return (expected if self.training else best)(scores, gloss_mask, mask)


def expected(scores: Tensor, gloss_mask: Tensor, mask: Tensor) -> Tensor:
    """How likely each word selects each step, over all monotonic alignments: [b Q T], rows of real words sum to 1.

    Of scores [b Q T] and masks bool [b Q], [b T], by the forward-backward recursion over words; an item needs one real
    word and step at least. Two words, two steps and no preference: (0, 0), (0, 1) and (1, 1) are left.

    >>> full = torch.ones(1, 2, dtype=torch.bool)
    >>> expected(torch.zeros(1, 2, 2), full, full)[0].mul(3).round().tolist()
    [[2.0, 1.0], [1.0, 2.0]]
    """
    scores = _allowed(scores, gloss_mask, mask)
    real = gloss_mask.T[..., None]
    ahead = [scores[:, 0]]
    for q in range(1, scores.shape[1]):
        here = scores[:, q] + ahead[-1].logcumsumexp(dim=-1)
        ahead.append(torch.where(real[q], here, ahead[-1]))
    behind = [torch.zeros_like(scores[:, 0])]
    for q in range(scores.shape[1] - 1, 0, -1):
        later = (scores[:, q] + behind[-1]).flip(-1).logcumsumexp(dim=-1).flip(-1)
        behind.append(torch.where(real[q], later, behind[-1]))
    joint = torch.stack(ahead, dim=1) + torch.stack(behind[::-1], dim=1)
    return joint.softmax(dim=-1) * gloss_mask[..., None] * mask[:, None]


@torch.no_grad()
def best(scores: Tensor, gloss_mask: Tensor, mask: Tensor) -> Tensor:
    """The monotonic alignment of the highest summed score, by Viterbi: binary [b Q T], a single 1 per real word.

    Arguments as in `expected`.

    >>> full = torch.ones(1, 2, dtype=torch.bool)
    >>> best(torch.tensor([[[0.0, 3.0], [2.0, 0.0]]]), full, full)[0].tolist()
    [[0.0, 1.0], [0.0, 1.0]]
    """
    scores = _allowed(scores, gloss_mask, mask)
    reached, came = scores[:, 0], []
    for q in range(1, scores.shape[1]):
        least, at = reached.cummax(dim=-1)
        real = gloss_mask[:, q, None]
        own = torch.arange(scores.shape[2], device=scores.device).expand_as(at)
        came.append(torch.where(real, at, own))
        reached = torch.where(real, scores[:, q] + least, reached)
    chosen = [reached.argmax(dim=-1)]
    for at in reversed(came):
        chosen.append(at.gather(-1, chosen[-1][:, None])[:, 0])
    hot = F.one_hot(torch.stack(chosen[::-1], dim=1), scores.shape[2])
    return hot.to(scores.dtype) * gloss_mask[..., None]


def select(sequence: Tensor, alignment: Tensor) -> Tensor:
    """Eq. 4: the steps of `sequence` [b T d] that the `alignment` [b Q T] selects, in the order of the gloss: [b Q d].

    >>> select(torch.tensor([[[1.0], [2.0], [4.0]]]), torch.tensor([[[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]])).tolist()
    [[[2.0], [4.0]]]
    """
    return alignment @ sequence


def _allowed(scores: Tensor, gloss_mask: Tensor, mask: Tensor) -> Tensor:
    """Scores [b Q T] of which padding of the sequence, bool [b T], gets `NEVER`.

    Raises ValueError where masks [b Q], [b T] don't fit or hold an item without anything real.
    """
    if scores.shape != (*gloss_mask.shape, mask.shape[1]) or not bool(mask[:, 0].all() and gloss_mask[:, 0].all()):
        raise ValueError(
            f"needs scores [b Q T] and masks of them with something real in each item, got {tuple(scores.shape)}, "
            f"{tuple(gloss_mask.shape)} and {tuple(mask.shape)}"
        )
    return scores.masked_fill(~mask[:, None], NEVER)


def _progress(mask: Tensor) -> Tensor:
    """How far on each step is, from 0 to 1, where bool [b n] says what is real: [b n]."""
    at = torch.arange(mask.shape[1], device=mask.device)
    return at / (mask.sum(dim=1, keepdim=True) - 1).clamp(min=1)
