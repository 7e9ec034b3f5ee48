"""CLIP's words: sentences, and each of their words, as points of the space in which CLIP's pictures lie (`clip`).

The text tower of ViT-B/32 (Radford et al. 2021, arXiv:2103.00020), through transformers. A sentence is the projected
state of the token that ends it; words are the projected states of all tokens, as X-CLIP takes them (Ma et al. 2022).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from tokenizers import Tokenizer
from torch.nn import functional as F

from storysound.encode import hub
from storysound.encode.encoder import Encoding, Modality, Traits
from storysound.encode.texts import each_alone
from storysound.weights.resolver import Resolver

_VERSION = "1"  # of this file: raised whenever the same text would give other numbers
TRAITS = Traits()


class ClipText:
    """Text encoder: `embedding` [1 d] and `tokens` [1 n d], all of length 1; d = 512 for ViT-B/32.

    Tokens are those of the text, from the one that begins it to the one that ends it: 77 at most, from the front.
    """

    name = "clip_text"
    modality: Modality = "text"
    traits = TRAITS
    labels: Mapping[str, tuple[str, ...]] = {}

    def __init__(self, network: Any, tokenizer: Tokenizer, revision: str) -> None:
        """`network`: transformers' CLIPTextModelWithProjection."""
        self.revision = revision
        self.dim: int = network.config.projection_dim
        self._network, self._tokenizer = network, tokenizer

    def encode(self, items: Sequence[str]) -> list[Encoding]:
        """One encoding a text. Raises ValueError for a text without a letter, digit or sign, and for other types."""
        return each_alone(items, self._read)

    def _read(self, text: str) -> Encoding:
        ids = torch.tensor([self._tokenizer.encode(text).ids])
        states = self._network(input_ids=ids).last_hidden_state
        # The whole is the last token's state, which is the one that ends the text: there is no padding behind it.
        words = F.normalize(self._network.text_projection(states), dim=-1).numpy()
        return Encoding(words[:, -1], tokens=words)


def load(weights: Resolver) -> ClipText:
    """The encoder. Raises MissingModelError where its weights can't be had, InputError where they are damaged."""
    network = hub.network(weights, "clip", "CLIPTextModelWithProjection")
    tokenizer = hub.tokenizer(weights, "clip", network.config.max_position_embeddings)
    return ClipText(network, tokenizer, f"{hub.revision(weights, 'clip')}-{_VERSION}")
