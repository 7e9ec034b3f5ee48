"""Sound of Story's retrieval: how well a sound fits a story told in pictures or words.

Bae et al., "Sound of Story" (Findings of EMNLP 2023), section 4.1, after X-CLIP (Ma et al., ACM MM 2022). Both sides
of a pair are one global vector and a sequence of tokens. Four similarities are taken between them, global or token by
global or token; where there are tokens, attention over the similarities themselves says which ones count.

Axes: q queries, c candidates, n and m tokens of a query and of a candidate, d the width of the common space.
`storysound.match.sos_model` is the network that is trained under this similarity.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from storysound.nn.tokens import masked_mean, without_padding

TEMPERATURE = 0.01  # of the attention; the paper prints none, this is X-CLIP's (erratum 3)
CPU_BLOCK, GPU_BLOCK = 1 << 20, 1 << 26  # similarities of tokens at work at once: what a processor's cache holds
LANES = 32  # candidates at least in a block: they are the innermost axis, which vector instructions run along


class Matrices(NamedTuple):
    """X-CLIP's learned matrices, identities at first; None leaves a place as it is. Sound of Story prints none.

    `whole` [d d] between the global vectors, `tokens` [d d] between the tokens; the others mix attention weights: of
    a global vector over the other side's tokens (`n_alone` [n n], `m_alone` [m m]), and of tokens over tokens in the
    order n, then m (`n_first` [n n], `m_second` [m m]) and in the other (`m_first` [m m], `n_second` [n n]). Mixing
    matrices may be larger than the tokens at hand: the upper left part is used.
    """

    whole: Tensor | None = None
    tokens: Tensor | None = None
    n_alone: Tensor | None = None
    m_alone: Tensor | None = None
    n_first: Tensor | None = None
    m_second: Tensor | None = None
    m_first: Tensor | None = None
    n_second: Tensor | None = None


NO_MATRICES = Matrices()


def similarity(
    a_global: Tensor,
    a_tokens: Tensor,
    b_global: Tensor,
    b_tokens: Tensor,
    *,
    a_mask: Tensor | None = None,
    b_mask: Tensor | None = None,
    temperature: float = TEMPERATURE,
    block: int | None = None,
    matrices: Matrices = NO_MATRICES,
) -> Tensor:
    """Similarity [q c] of every query to every candidate (Eq. 1-11), in [-1, 1].

    `a_global` [q d], `a_tokens` [q n d], `b_global` [c d], `b_tokens` [c m d]: L2-normalised features, float.
    `a_mask` [q n], `b_mask` [c m]: True where a token is real; padding changes nothing. `block`: at most so many items
    of either side at once (None: what the cache holds); it changes memory and time only. Differentiable; then blocks
    are computed again in the backward pass instead of being kept. Raises ValueError for shapes that don't fit
    together, for an item without any token, and for a temperature that isn't positive.

    Attention picks the token that fits; the other one costs nothing:

    >>> east, north = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    >>> both = torch.stack([east[0], north[0]])[None]
    >>> round(similarity(east, both, east, east[None]).item(), 4)
    1.0
    """
    # Eq. 2 and 5: the query's vector against the candidate's tokens; Eq. 3 and 6: the other way; Eq. 4 and 7 to 10:
    # tokens against tokens. A single token's attention is 1, so all three are one function.
    alone_m = Matrices(m_first=matrices.m_alone, m_second=matrices.m_alone)
    alone_n = Matrices(n_first=matrices.n_alone, n_second=matrices.n_alone)
    attended = partial(token_similarity, temperature=temperature, block=block)
    s_av = (a_global if matrices.whole is None else a_global @ matrices.whole) @ b_global.T  # Eq. 1
    s_af = attended(a_global[:, None], b_tokens, b_mask=b_mask, matrices=alone_m)
    s_asv = attended(a_tokens, b_global[:, None], a_mask=a_mask, matrices=alone_n)
    s_asf = attended(a_tokens, b_tokens, a_mask=a_mask, b_mask=b_mask, matrices=matrices)
    result: Tensor = (s_av + s_af + s_asv + s_asf) / 4  # Eq. 11, whose first term is S_a,v (erratum 2)
    return result


def token_similarity(
    a: Tensor,
    b: Tensor,
    *,
    a_mask: Tensor | None = None,
    b_mask: Tensor | None = None,
    temperature: float = TEMPERATURE,
    block: int | None = None,
    matrices: Matrices = NO_MATRICES,
) -> Tensor:
    """Attention over the token similarities of every pair: a [q n d], b [c m d] -> [q c] (Eq. 4, 7-10).

    Attends over n and then over m, and the other way round; the mean of the two. Masks, blocks and errors are those
    of `similarity`.
    """
    _check(a, b, a_mask, b_mask, temperature)
    rows, columns = _block_shape(a, b, block)
    if matrices.tokens is not None:
        a = without_padding(a, a_mask) @ matrices.tokens
    learns = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in (a, b, *matrices))
    # Split once: slicing inside the loop would cost a gradient of full size for every block.
    a_blocks = list(zip(torch.split(a, rows), _split(a_mask, rows, len(a)), strict=True))
    result = None if learns else a.new_empty(len(a), len(b))  # small pieces kept between large ones would litter memory
    strips = []
    for k, (b_block, b_keep) in enumerate(zip(torch.split(b, columns), _split(b_mask, columns, len(b)), strict=True)):
        # Candidates innermost: softmax and sums over tokens then run along whole vectors of candidates.
        tokens_first = without_padding(b_block, b_keep).transpose(0, 1).contiguous()
        calls = [(a_block, tokens_first, a_keep, b_keep, matrices, temperature) for a_block, a_keep in a_blocks]
        if result is None:
            strips.append(torch.cat([checkpoint(_pairs, *call, use_reentrant=False) for call in calls]))
            continue
        for i, call in enumerate(calls):
            result[i * rows : (i + 1) * rows, k * columns : (k + 1) * columns] = _pairs(*call)
    return torch.cat(strips, dim=1) if result is None else result


def _pairs(
    a: Tensor, b: Tensor, a_mask: Tensor | None, b_mask: Tensor | None, matrices: Matrices, temperature: float
) -> Tensor:
    """One block of pairs: a [q n d], b [m c d], masks [q n] and [c m] -> [q c]."""
    (q, n, d), (m, c, _) = a.shape, b.shape
    a = without_padding(a, a_mask) / temperature  # here, where it is small, and not on the n·m similarities
    s = (a.reshape(q * n, d) @ b.reshape(m * c, d).T).view(q, n, m, c)  # Eq. 4
    n_keep = None if a_mask is None else a_mask[:, :, None]
    m_keep = None if b_mask is None else b_mask.T[None]
    # Eq. 7: S_aud [q m c]; Eq. 9: S_vid [q n c], whose slices are columns (erratum 2)
    s_m = _attend(s, 1, None if n_keep is None else n_keep[..., None], matrices.n_first)
    s_n = _attend(s, 2, None if m_keep is None else m_keep[:, None], matrices.m_first)
    by_m, by_n = _attend(s_m, 1, m_keep, matrices.m_second), _attend(s_n, 1, n_keep, matrices.n_second)  # Eq. 8 and 10
    return (by_m + by_n) * (temperature / 2)


def _weights(s: Tensor, dim: int, keep: Tensor | None) -> Tensor:
    """Softmax along `dim` of similarities of any shape; nothing for padding."""
    return torch.softmax(s if keep is None else s.masked_fill(~keep, -torch.inf), dim)


def _attend(s: Tensor, dim: int, keep: Tensor | None, mixer: Tensor | None) -> Tensor:
    """Mean of similarities of any shape along `dim`, weighted by their own softmax (the form of Eq. 5 to 10).

    `dim` goes. `keep` as `_weights`; `mixer` [k k] is as large as `dim` at least.
    """
    weights = _weights(s, dim, keep)
    if mixer is not None:
        size = s.shape[dim]
        weights = torch.tensordot(weights, mixer[:size, :size], dims=([dim], [0])).movedim(-1, dim)
    return (weights * s).sum(dim)


def attention(
    a: Tensor,
    b: Tensor,
    *,
    a_mask: Tensor | None = None,
    b_mask: Tensor | None = None,
    temperature: float = TEMPERATURE,
) -> Tensor:
    """Share of every pair of tokens in one pair's `token_similarity`: a [n d], b [m d] -> [n m], sums to 1.

    The similarity is the sum of these shares times the products of the tokens: the picture of why two items fit.
    `a_mask` [n], `b_mask` [m]: True where a token is real.
    """
    n_keep, m_keep = (None if mask is None else mask[None] for mask in (a_mask, b_mask))
    _check(a[None], b[None], n_keep, m_keep, temperature)
    s = without_padding(a, a_mask) @ without_padding(b, b_mask).T / temperature
    n_keep = None if n_keep is None else n_keep.T
    over_n, over_m = _weights(s, 0, n_keep), _weights(s, 1, m_keep)
    by_m = _weights((over_n * s).sum(0, keepdim=True), 1, m_keep)
    by_n = _weights((over_m * s).sum(1, keepdim=True), 0, n_keep)
    return (over_n * by_m + over_m * by_n) / 2


def mean_pooled(a: Tensor, b: Tensor, *, a_mask: Tensor | None = None, b_mask: Tensor | None = None) -> Tensor:
    """Baseline without attention: cosine of the mean tokens, a [q n d], b [c m d], masks [q n], [c m] -> [q c]."""
    return masked_mean(a, a_mask) @ masked_mean(b, b_mask).T


def _split(mask: Tensor | None, size: int, items: int) -> Sequence[Tensor | None]:
    """Of a mask [items n], those of the blocks [size n]."""
    return [None] * -(-items // size) if mask is None else torch.split(mask, size)


def _block_shape(a: Tensor, b: Tensor, block: int | None) -> tuple[int, int]:
    """Queries and candidates per block of a [q n d] and b [c m d]."""
    if block is not None:
        if block < 1:
            raise ValueError(f"a block holds at least one item, got {block}")
        return block, block
    (q, n, _), (c, m, _) = a.shape, b.shape
    budget = max(1, (CPU_BLOCK if a.device.type == "cpu" else GPU_BLOCK) // (n * m))  # pairs of items
    columns = min(c, max(LANES, min(2 * LANES, budget)))
    return max(1, min(q, budget // columns)), columns


def _check(a: Tensor, b: Tensor, a_mask: Tensor | None, b_mask: Tensor | None, temperature: float) -> None:
    """Raises ValueError for what would give a wrong number without a word.

    Wanted are tokens [q n d] and [c m d], masks bool [q n] and [c m] with a real token in each item.
    """
    if a.ndim != 3 or b.ndim != 3 or a.shape[2] != b.shape[2]:
        raise ValueError(f"needs tokens [q n d] and [c m d] of one width, got {tuple(a.shape)} and {tuple(b.shape)}")
    if not temperature > 0:
        raise ValueError(f"the temperature must be positive, got {temperature}")
    for tokens, mask in ((a, a_mask), (b, b_mask)):
        if mask is not None and (mask.dtype != torch.bool or mask.shape != tokens.shape[:2]):
            raise ValueError(f"a mask is bool {list(tokens.shape[:2])}, got {mask.dtype} {list(mask.shape)}")
        if 0 in tokens.shape[:2] or (mask is not None and not bool(mask.any(1).all())):
            raise ValueError("needs items on both sides, and a token at least in each")
